// What the schedule widget says, by language. No side effects.

const duration = (one) => (seconds) => {
  if (seconds < 1) return one.moment;
  if (seconds < 90) return `${Math.round(seconds)} ${one.s}`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} ${one.min}`;
  return `${(seconds / 3600).toFixed(1)} ${one.h}`;
};

const en = {
  number: (n) => n.toLocaleString("en"),
  duration: duration({ moment: "under 1 s", s: "s", min: "min", h: "h" }),
  calls: (n, about) => `${about ? "about " : ""}${n} model call${n === "1" ? "" : "s"}`,
  relative: (times) => (times === "1" ? "no resampling" : `${times}× the calls without resampling`),
  estimate: (time) => `about ${time}`,
  running: (call, calls) => `call ${call} of ${calls}`,
  left: (time) => `${time} left`,
  linked: (names) => `set by a link: ${names}`,
  unknownSteps: "The number of model calls depends on the sigmas of the sampler that uses this.",
  manyTimesteps: (n) => `for models of ${n} timesteps or more`,
  silent: "The server does not answer; this is its last answer, perhaps of other settings.",
  neverAnswered: "The server does not answer.",
  twice: "each call twice as long, for cfg",
  eachRegion: "regions are painted together where they fit",
  round: (round, rounds) => `round ${round} of ${rounds}`,
  message: ({ text }) => text,
  axis: "noise level, call by call",
  label: (calls, steps, relative) =>
    `Noise level against model call: ${calls} over ${steps} noise levels, ${relative}.`,
};

/** The sentences of nodes/messages.py, by their keys. */
const zhMessages = {
  empty: () => "没有遮罩，因此什么也不会绘制：请在“加载图像”的遮罩编辑器中绘制遮罩（右键点击图片）。",
  nearly_all: (percent) =>
    `图片的 ${percent} % 被遮罩，这部分将全部重新绘制。若遮罩反了，请在本节点之前加入“反转遮罩”。`,
  too_large: (width, height, side, times) =>
    `图片为 ${width}x${height}，而此模型适用于 ${side}x${side}：每次调用耗时约为 ${times} 倍，且内容过小或重复。` +
    `请使用 Inpaint (Mask Guidance)，或将“重绘裁剪”的宽和高设为 ${side}。`,
  too_small: (width, height, side) =>
    `图片为 ${width}x${height}，而此模型适用于 ${side}x${side}：结果会模糊或残缺。请放大图片，或使用 Inpaint (Mask Guidance)。`,
  no_jump: (jump, steps) =>
    `resample_j 为 ${jump}，而运行只有 ${steps} 步：无法回跳，因此不会重采样。请减小 resample_j 或增大 skip_steps。`,
  no_positive: () => "此模型由文本引导：请将 CLIP 文本编码（或类似节点）连接到 positive。",
  no_negative: (cfg) => `cfg 为 ${cfg}，需要 negative：请连接 negative，或将 cfg 设为 1。`,
  black: (denoise) =>
    `遮罩覆盖的部分全为黑色，而 denoise ${denoise} 会以其为基础。若不应如此：某些版本的 ComfyUI 遮罩编辑器会把被遮罩的部分涂黑；` +
    `请用另一个“加载图像”读取原来的文件作为图片。`,
  stranger: (times) =>
    `此模型是用另一类图片训练的：它在现有内容上的误差是平时的 ${times} 倍。请换用针对这类图片的模型，否则填充会是模型自己的风格。`,
  made: (calls, seconds) => `上次运行共 ${calls.toLocaleString("zh-CN")} 次模型调用，用时 ${seconds} 秒。`,
};

const zh = {
  number: (n) => n.toLocaleString("zh-CN"),
  duration: duration({ moment: "不到 1 秒", s: "秒", min: "分钟", h: "小时" }),
  calls: (n, about) => `${about ? "约 " : ""}${n} 次模型调用`,
  relative: (times) => (times === "1" ? "无重采样" : `为无重采样的 ${times} 倍`),
  estimate: (time) => `约 ${time}`,
  running: (call, calls) => `第 ${call} / ${calls} 次调用`,
  left: (time) => `剩余 ${time}`,
  linked: (names) => `由连线决定：${names}`,
  unknownSteps: "模型调用次数取决于使用本节点的采样器的 sigmas。",
  manyTimesteps: (n) => `适用于至少有 ${n} 个时间步的模型`,
  silent: "服务器没有响应；此为其上一次的回答，可能对应其他设置。",
  neverAnswered: "服务器没有响应。",
  twice: "cfg 使每次调用耗时加倍",
  eachRegion: "各区域能放下时一起绘制",
  round: (round, rounds) => `第 ${round} / ${rounds} 轮`,
  message: ({ text, key, values }) => zhMessages[key]?.(...values) ?? text,
  axis: "每次调用时的噪声级别",
  label: (calls, steps, relative) => `噪声级别随模型调用的变化：${steps} 个噪声级别，${calls}，${relative}。`,
};

/** The words of a locale ("en", "zh", ...); English where there are none. */
export function wordsOf(locale) {
  return locale === "zh" ? zh : en;
}
