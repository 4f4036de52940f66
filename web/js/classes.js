// A model's classes as lines of a list: what each is called, which ones a few typed letters mean. No side effects.

export const ANY = -1; // the label for "any class"

/**
 * The lines of a model's list.
 *
 * @param {{classes: number, names: string[], any: number | null}} told As the server says it.
 * @returns {{label: number, name: string}[]} "any class" first, where the model has it; no names where none are known.
 */
export function linesOf({ classes, names, any }, anyName) {
  const lines = any === null ? [] : [{ label: ANY, name: anyName }];
  for (let label = 0; label < classes; label++) if (label !== any) lines.push({ label, name: names[label] ?? "" });
  return lines;
}

/** A line as it is read: "3 · critters"; the number alone where it has no name. */
export function textOf({ label, name }) {
  return name ? `${label} · ${name}` : String(label);
}

/** The lines that hold every typed word; a number alone means the labels that begin with it. */
export function matching(lines, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 1 && /^-?\d+$/.test(words[0])) {
    return lines.filter(({ label }) => String(label).startsWith(words[0]));
  }
  return lines.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
}
