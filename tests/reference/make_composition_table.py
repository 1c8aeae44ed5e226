"""Writes src/DeepSeekEngine/Tokenizer/Normalization/canonical.txt from Python's Unicode data: what NFC needs to know of characters.
   python3.13 make_composition_table.py ../../src/DeepSeekEngine/Tokenizer/Normalization/canonical.txt ../tokenizer/normalization_cases.txt

   One line a fact, numbers in hexadecimal:  c FIRST LAST CLASS   the canonical combining class, if not 0, of a range of characters
                                            d CODE A [B]         a canonical decomposition that composition undoes
                                            x CODE A [B]         one that it does not undo
   Hangul syllables are left out: theirs is arithmetic. The cases are texts and what Python normalizes them to, as code points.
"""
import random
import sys
import unicodedata

lines, ranges = [], []
for code in range(0x110000):
    combining = unicodedata.combining(chr(code))
    if combining:
        if ranges and ranges[-1][1] == code - 1 and ranges[-1][2] == combining:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, combining])
    mapping = unicodedata.decomposition(chr(code))
    if mapping and not mapping.startswith("<"):
        undone = unicodedata.normalize("NFC", chr(code)) == chr(code)
        lines.append(f"{'d' if undone else 'x'} {code:X} " + " ".join(f"{int(part, 16):X}" for part in mapping.split()))
with open(sys.argv[1], "w", encoding="ascii", newline="\n") as out:
    out.write("".join(f"c {first:X} {last:X} {value:X}\n" for first, last, value in ranges))
    out.write("\n".join(lines) + "\n")

assert unicodedata.unidata_version == "15.1.0"
draw = random.Random(15)
marks = [code for first, last, _ in ranges for code in range(first, last + 1)]
changing = [int(line.split()[1], 16) for line in lines]
parts = sorted({int(part, 16) for line in lines for part in line.split()[2:]})
hangul = list(range(0x1100, 0x1114)) + list(range(0x1160, 0x1177)) + list(range(0x11A7, 0x11C4)) + [0xAC00 + 7 * i for i in range(1596)]
common_marks = [0x300, 0x301, 0x302, 0x303, 0x304, 0x306, 0x307, 0x308, 0x30A, 0x30C, 0x323, 0x327, 0x328, 0x331, 0x342, 0x345, 0x3099, 0x309A]
letters = [ord(letter) for letter in "AEOUaeouLRSZlrsz <=>\n"] + [0x391, 0x3B1, 0x3C9, 0x438, 0x627, 0x928, 0x4E2D, 0x1F600]
with open(sys.argv[2], "w", encoding="ascii", newline="\n") as out:
    for number in range(600):
        pools = [[letters, common_marks], [changing, marks, letters], [parts, marks], [hangul], [letters, marks, hangul, changing]][number % 5]
        text = "".join(chr(draw.choice(draw.choice(pools))) for _ in range(draw.randint(1, 9)))
        out.write(";".join(" ".join(f"{ord(c):X}" for c in side) for side in (text, unicodedata.normalize("NFC", text))) + "\n")
