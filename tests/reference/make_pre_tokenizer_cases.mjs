// Writes tests/tokenizer/pre_tokenizer_cases.json: texts and the pieces into which Hugging Face's own tokenizers library cuts them.
//   npm install tokenizers@0.23.2 && node make_pre_tokenizer_cases.mjs ../tokenizer [texts per pre_tokenizer]
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const { Tokenizer } = createRequire(process.cwd() + "/")("tokenizers");
const folder = process.argv[2];
const texts = Number(process.argv[3] ?? 150);

const split = pattern => ({ type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false });
const literal = text => ({ type: "Split", pattern: { String: text }, behavior: "Isolated", invert: false });
const digits = individual => ({ type: "Digits", individual_digits: individual });
const byteLevel = use_regex => ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex });
const sequence = (...steps) => ({ type: "Sequence", pretokenizers: steps });
// Escaped: letters that a program that normalizes text would replace.
const letters = "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1F7Dᾀ-ᾴᾶ-ᾼ\u1FBE"
  + "ῂ-ῄῆ-ῌῐ-\u1FD3ῖ-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";

const r1 = JSON.parse(readFileSync(`${folder}/tokenizer.json`, "utf8"));
const preTokenizers = {
  "DeepSeek-V3": r1.pre_tokenizer,
  "DeepSeek-V2": sequence(split("[\r\n]"), split(`\\s?[${letters}]+`), split("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), split("\\s+$"),
    split("[一-龥ࠀ-一가-퟿]+"), digits(true), byteLevel(false)),
  "DeepSeek-Coder": sequence(split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"), digits(true), byteLevel(false)),
  "GPT-2": byteLevel(true),
  "Qwen2": sequence(split("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
    byteLevel(false)),
  "cl100k": sequence(split("'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"),
    byteLevel(false)),
  "o200k": sequence(split("[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"), byteLevel(false)),
  "digits together, then GPT-2": sequence(digits(false), byteLevel(true)),
  "nested": sequence(sequence(literal("."), literal("")), sequence(split("(?:a|é)+"), byteLevel(false))),
  "literals": sequence(literal("a"), literal(" \n"), literal("\u{1F600}"), byteLevel(false)),
};
const single = [
  "^\\s", "\\s$", "^", "$", "a*", "(?:)", "(?=a)", "a(?=\\s)", "\\S(?!\\S)", ".", "..", "[^a]+", "[^\\p{L}]", "\\p{^L}+", "\\P{Lu}", "[\\P{L}a]", "[\\S\n]+",
  "[\\s\\-a]+", "[a-]", "[\\d.]+", "\\D+", "(a|b|ab)(c|\\s)?", "(?:a\\s?){2}", "(?:a|\\s){2,3}", "(?:ab?)+$", "\\s{2,}", "\\p{L}{1,2}", "(?i:straSSe|K|s)", "(?i:[a-f])+",
  "(?i:[^a-f])", "\\s+\\s+$", "\\s*\\S\\s*$", "\\p{L}+\\p{M}*+", "[\\x61\\x{1F600}\\u00e9]", "\\.|\\]|\\\\", "a||b", "(?:\\s+a)+", "(?:\\s+|a)+$", "[𐐀-𐑏]", "[😀-😂]+", "é|e\u0301",
  "(?!a)\\p{L}", "(?=(\\s+))\\S?", "(?:(?!\\s$).)+", "[\\]\\[\\^]", "\\t|\\v|\\f",
];
for (const pattern of single) {
  preTokenizers[pattern] = sequence(split(pattern), byteLevel(false));
}
preTokenizers["Llama-3"] = sequence(split("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
  byteLevel(false));

// What tells categories, scripts, planes and white space apart. All of it is older than Unicode 10, so that no version matters.
const symbols = [..."aaaabcABsSkK\u017F\u212Aßéе的的中ひカ한ابع", "e\u0301", "\u0301", "\u0903", "\u20DD", ..."012459٣५²½Ⅷ０", "\u{1D7D8}",
  ..."   \t\n\n\r\r\n\v\f\u00A0\u2003\u3000\u2028\u202F", ..."''\"!-._/:@[]^`{|}~\\<>=+$，。！“”‘…—", ..."€©¬´😀😂👍", "\u{1F3FD}", "\u200D", "\u200B", "\uFE0F",
  "\u{10400}", "\u{10428}", "\u{20000}", "\u{1D400}", "\u{E000}", "\u{10FFFF}", "\u0000", "'s", "'LL", "'ve", "'ſ", "ab", "Kk", "STRASSE", "  ", " \n", "\n\n"];

let state = 20240506;
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 4294967296 * limit);
}
function randomText() {
  const few = Array.from({ length: 1 + random(8) }, () => symbols[random(symbols.length)]);
  return Array.from({ length: 1 + random(24) }, () => random(3) ? few[random(few.length)] : symbols[random(symbols.length)]).join("");
}

const byteOf = new Map();
for (let b = 0, n = 0; b < 256; b++) {
  const printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  byteOf.set(printable ? String.fromCharCode(b) : String.fromCharCode(256 + n++), b);
}

const lines = [];
for (const [name, pre_tokenizer] of Object.entries(preTokenizers)) {
  const model = { type: "BPE", vocab: { a: 0 }, merges: [] };
  const json = { version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer, post_processor: null, decoder: null, model };
  const tokenizer = Tokenizer.fromString(JSON.stringify(json)).getPreTokenizer();
  const count = single.includes(name) ? Math.ceil(texts / 6) : texts;
  const cases = Array.from({ length: count }, () => {
    const text = randomText();
    const pieces = tokenizer.preTokenizeString(text).map(([piece]) => Buffer.from([...piece].map(c => byteOf.get(c))).toString("utf8"));
    if (pieces.join("") !== text) {
      throw new Error(`${name}: ${JSON.stringify(text)} became ${JSON.stringify(pieces)}`);
    }
    return pieces;
  });
  lines.push(`{"name":${JSON.stringify(name)},"pre_tokenizer":${JSON.stringify(pre_tokenizer)},"cases":[\n${cases.map(c => JSON.stringify(c)).join(",\n")}]}`);
}
writeFileSync(`${folder}/pre_tokenizer_cases.json`, `[${lines.join(",\n")}]\n`);
