// What the choices of a list mean, by language and by the name of the input. No side effects.

const SNAPPING = { "any touch": "碰到即重绘", area: "按面积", nearest: "按格子中心" };
const FILLS = {
  smooth: "平滑",
  "edge extend": "边缘延伸",
  edge: "边缘",
  mirror: "镜像",
  "mean colour": "平均颜色",
  neutral: "中性灰",
  colour: "颜色",
  noise: "噪声",
};
const KINDS = {
  wide: "粗笔画",
  narrow: "细笔画",
  "every second line": "隔行",
  half: "一半",
  expand: "向外扩展",
  "super-resolve 2x": "2 倍超分",
  box: "方框",
  checkerboard: "棋盘格",
  "free-form": "自由笔画",
  "random rectangles": "随机矩形",
  "random half": "随机一半",
  "random centre": "随机中心",
  everything: "全部",
};
const AUTO = { auto: "自动" };

const zh = {
  weights: { ema: "平均权重", model: "最后一步" },
  dtype: { ...AUTO, "as is": "原样" },
  attention_order: { ...AUTO, legacy: "旧顺序", new: "新顺序" },
  noise_schedule: { ...AUTO, linear: "线性", cosine: "余弦", quad: "二次", const: "常数", sigmoid: "S 形" },
  rescale_timesteps: { ...AUTO, yes: "是", no: "否" },
  prediction: { ...AUTO, eps: "噪声", x0: "图像" },
  skip_type: { uniform: "均匀", leading: "从起点取", trailing: "从末尾取", quad: "二次", none: "全部" },
  var_type: {
    ...AUTO,
    fixed_small: "固定，较小",
    fixed_large: "固定，较大",
    learned_range: "学习的范围",
    learned: "学习的",
    ddim: "不加噪声（DDIM）",
  },
  method: { feedback: "误差反馈", kriged: "克里金", repaint: "论文算法", distilled: "蒸馏模型" },
  soft_mask: { binary: "二值", blend: "混合", "time-dependent": "随时间" },
  form: { score: "分数", "mean shift": "均值平移" },
  cfg_repeats: { shared: "分摊", full: "完整" },
  preset: {
    draft: "草稿",
    fast: "快速",
    balanced: "均衡",
    quality: "高质量",
    paper: "论文",
    turbo: "蒸馏模型",
    custom: "自定义",
  },
  mask_grid: SNAPPING,
  snapping: SNAPPING,
  grow_shape: { round: "圆形", square: "方形", diamond: "菱形" },
  feather_side: { outward: "向外", inward: "向内", both: "两侧" },
  source: {
    colour: "颜色",
    brightness: "亮度",
    transparency: "透明度",
    red: "红",
    green: "绿",
    blue: "蓝",
    alpha: "透明通道",
  },
  kind: { ...KINDS, "all six of RePaint": "RePaint 的六种" },
  united_with: { nothing: "无", ...KINDS },
  fill: FILLS,
  split: { "each region": "每个区域", "one per picture": "每张图一块", "one box for all": "全部同一块" },
  fit: { size: "指定尺寸", multiple: "取倍数" },
  blend: { feathered: "羽化", hard: "硬边", "multi-band": "多频段", poisson: "泊松" },
  pad_by: { pixels: "像素", percent: "百分比", "aspect ratio": "宽高比", size: "尺寸" },
  picture_across: { left: "左", middle: "居中", right: "右" },
  keep: { all: "全部", best: "最好的" },
  picture_down: { top: "上", middle: "居中", bottom: "下" },
};

const LANGUAGES = { zh };

/**
 * The choices of an input in a language, by their values; undefined where all stay as they are.
 *
 * Names that files use stay in view, since tooltips and other people's workflows speak of them.
 */
export function optionWordsOf(locale, input) {
  return LANGUAGES[locale]?.[input];
}

/** A choice as it is shown: "draft 草稿". */
export function optionText(words, value) {
  return Object.hasOwn(words, value) ? `${value} ${words[value]}` : value;
}
