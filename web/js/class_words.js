// What the list of classes says, by language. No side effects.

const en = {
  choose: "Choose a class",
  any: "any class",
  search: "type to search",
  noModel: "connect a model to choose by name",
  noClasses: "this model takes no class",
  nothing: "no class is called that",
  silent: "the server does not answer",
  unknown: (label, most) => `${label}: this model has 0 to ${most}`,
};

const zh = {
  choose: "选择类别",
  any: "任意类别",
  search: "输入文字以搜索",
  noModel: "连接模型后可按名称选择",
  noClasses: "此模型没有类别",
  nothing: "没有这样的类别",
  silent: "服务器没有响应",
  unknown: (label, most) => `${label}：此模型只有 0 到 ${most}`,
};

/** The words of a locale ("en", "zh", ...); English where there are none. */
export function classWordsOf(locale) {
  return locale === "zh" ? zh : en;
}
