"""Ask a GGUF file with llama.cpp, on a CPU, in a process of its own.

A failed check inside llama.cpp ends the whole process, so it never runs in the reader's. ``python -m
course_lib.llama JOB ANSWER`` is that process: it reads a job from one JSON file and writes the answer to another.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import ExportError

SECONDS = 600


@dataclass(frozen=True)
class GgufCompletion:
    """What llama.cpp wrote: as ``evaluation.Completion``, and the log-probabilities of the likeliest tokens.

    ``text`` has no special tokens, ``ids`` has the token that ended it (if ``ended``), ``tokens`` is their number.
    ``top`` has for each position {token id: log-probability}; it is empty unless asked for.
    """

    text: str
    tokens: int
    ended: bool
    ids: tuple[int, ...]
    top: tuple[dict[int, float], ...] = ()


def available() -> bool:
    """Whether llama.cpp is installed (xllamacpp has no wheel for every system)."""
    return importlib.util.find_spec("xllamacpp") is not None


def ask_gguf(
    path: Path,
    prompts: Sequence[list[dict]],
    max_new_tokens: int = 80,
    temperature: float = 0.0,
    seed: int = 0,
    top: int = 0,
    context: int = 1024,
) -> list[GgufCompletion]:
    """One completion per prompt (messages), put with the chat template inside the file.

    Temperature 0 is greedy; else it samples from all tokens. ``top``: how many of the likeliest tokens to report at
    each position. ``context``: prompt and completion together, in tokens. It computes in float32 where the weights
    allow. Raises ``ExportError`` when llama.cpp cannot load or run the file.
    """
    sampling = {"temperature": temperature, "seed": seed, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
    requests = [{"messages": p, "max_tokens": max_new_tokens, "top_logprobs": max(top, 1), **sampling} for p in prompts]
    found = []
    for answer in _run(path, {"chat": requests, "context": context})["chat"]:
        pieces = answer["choices"][0]["logprobs"]["content"]
        likeliest = tuple({t["id"]: t["logprob"] for t in piece["top_logprobs"]} for piece in pieces) if top else ()
        text, ended = answer["choices"][0]["message"]["content"], answer["choices"][0]["finish_reason"] == "stop"
        ids = tuple(piece["id"] for piece in pieces)
        found.append(GgufCompletion(text, len(ids), ended, ids, likeliest))
    return found


def tokenize_gguf(path: Path, texts: Sequence[str]) -> list[list[int]]:
    """The token ids of each text by the tokenizer inside the file; special tokens in the text are read as such."""
    return _run(path, {"tokenize": list(texts), "context": 64})["tokenize"]


def _run(path: Path, job: dict) -> dict:
    """Do a job in a process of its own."""
    if not available():
        raise ExportError("llama.cpp is not installed here; pip install xllamacpp (see requirements.txt)")
    if not path.is_file():
        raise ExportError(f"{path} is missing; run export_gguf first")
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "job.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps({"path": str(path), **job}), encoding="utf-8")
        environment = os.environ | {
            "GGML_NO_BACKTRACE": "1",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
        }
        command = [sys.executable, "-m", "course_lib.llama", str(asked), str(answered)]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise ExportError(f"llama.cpp took more than {SECONDS} s for {path}; ask fewer prompts at once") from None
        if done.returncode or not answered.exists():
            said = [line for line in done.stderr.splitlines() if "error" in line.lower() or "assert" in line.lower()]
            why = " | ".join(said[:2] or done.stderr.splitlines()[-1:] or [f"exit code {done.returncode}"])
            raise ExportError(f"llama.cpp cannot run {path}: {why}")
        return json.loads(answered.read_text(encoding="utf-8"))


def _work(job: dict) -> dict:
    """In the process of its own: load the file, do what is asked."""
    import urllib.request

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = job["path"]
    params.n_ctx, params.n_parallel, params.warmup = job["context"], 1, False
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    if threads := os.environ.get("OMP_NUM_THREADS"):
        params.cpuparams.n_threads = int(threads)
    server = xllamacpp.Server(params)
    answer: dict = {}
    if "chat" in job:
        fixed = {"logprobs": True, "cache_prompt": False}
        answer["chat"] = [server.handle_chat_completions(request | fixed) for request in job["chat"]]
    if "tokenize" in job:
        answer["tokenize"] = []
        for text in job["tokenize"]:
            body = json.dumps({"content": text, "add_special": False, "parse_special": True}).encode()
            request = urllib.request.Request(
                server.listening_address + "/tokenize", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request) as reply:
                answer["tokenize"].append(json.load(reply)["tokens"])
    return answer


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(_work(json.loads(Path(sys.argv[1]).read_text("utf-8")))), "utf-8")
