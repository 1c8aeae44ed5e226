"""Times a model's prefill and greedy decoding in PyTorch with Hugging Face transformers, over random weights in bfloat16.

Takes a request as JSON for its argument: "config" (the fields of config.json), "device", "contexts", "prompt", "decode" and "rounds".
Prints a JSON object a line: {"missing": why} if it cannot be done here, else {"versions": ...} and, a context,
{"context": ..., "prefill": [seconds, ...], "decode": [seconds, ...]}.
"""
import json
import sys
import time


def say(**fields):
    print(json.dumps(fields), flush=True)


try:
    import torch
    import transformers
    from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
except ImportError as error:
    say(missing=str(error))
    sys.exit(0)

STEP = 2048


@torch.inference_mode()
def main(request):
    device = request["device"]
    if device == "cuda" and not torch.cuda.is_available():
        say(missing="this PyTorch finds no CUDA device")
        return

    fields = dict(request["config"])
    try:
        config = AutoConfig.for_model(fields.pop("model_type"), **fields)
        torch.manual_seed(1)
        torch.set_default_dtype(torch.bfloat16)
        with torch.device(device):
            model = AutoModelForCausalLM.from_config(config).eval()
    except (ValueError, KeyError) as error:
        say(missing=f"transformers {transformers.__version__} does not know the model: {error}")
        return

    say(versions=f"torch {torch.__version__}, transformers {transformers.__version__}")
    for context in request["contexts"]:
        cache = DynamicCache()
        for start in range(0, context, STEP):
            step(model, cache, min(STEP, context - start), device)
        prefill, decode = [], []
        for turn in range(request["rounds"] + 1):
            prefill.append(timed(device, lambda: step(model, cache, request["prompt"], device)))
            cache.crop(context)
            decode.append(timed(device, lambda: [step(model, cache, 1, device) for _ in range(request["decode"])]))
            cache.crop(context)
        # The first turn finds everything cold.
        say(context=context, prefill=prefill[1:], decode=decode[1:])


def step(model, cache, tokens, device):
    """Computes random tokens and brings the most probable next one here."""
    ids = torch.randint(model.config.vocab_size, (1, tokens), device=device)
    logits = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
    return logits[0, -1].argmax().item()


def timed(device, run):
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


main(json.loads(sys.argv[1]))
