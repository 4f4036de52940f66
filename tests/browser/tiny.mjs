// The example "inpaint" with a model and a picture that take no time.

/** Its Mask-Guided KSampler. */
export const SAMPLER = 6;
export const [LOADER, PICTURE] = [1, 2];

const QUICK = {
  preset: "custom",
  skip_type: "uniform",
  skip_steps: 6,
  resample_r: 2,
  resample_j: 2,
  method: "repaint",
};

/** A seed that nothing cached was made with. */
export const unlike = () => Math.floor(Math.random() * 1e9);

export async function tiny(comfy, given, settings = {}) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.put(LOADER, { model_name: given.model });
  await comfy.put(PICTURE, { image: given.picture });
  await comfy.put(SAMPLER, { ...QUICK, seed: unlike(), ...settings });
}
