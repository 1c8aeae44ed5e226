"""Writes what Jinja makes of the conversations of chat_cases.json by a template.  Needs python3-jinja2.
   python3 make_chat_prompts.py ../tokenizer/chat_cases.json ../tokenizer/chat_template_r1_0528.jinja ../tokenizer/chat_prompts_r1_0528.json
"""
import json
import sys

from jinja2 import Environment

environment = Environment(trim_blocks=True, lstrip_blocks=True)         # as Hugging Face's transformers renders chats
template = environment.from_string(open(sys.argv[2], encoding="utf8").read())
lines = []
for case in json.load(open(sys.argv[1], encoding="utf8")):
    # R1-0528's template refuses a message without content.
    messages = [message | {"content": message["content"] or ""} for message in case["messages"]]
    prompt = template.render(
        messages=messages, add_generation_prompt=case["add_generation_prompt"],
        bos_token="<｜begin▁of▁sentence｜>", eos_token="<｜end▁of▁sentence｜>")
    lines.append(json.dumps({"name": case["name"], "prompt": prompt}, ensure_ascii=False))
with open(sys.argv[3], "w", encoding="utf8", newline="\n") as out:
    out.write("[\n" + ",\n".join(lines) + "\n]\n")
