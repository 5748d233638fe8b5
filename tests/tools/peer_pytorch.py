#!/usr/bin/env python3
"""Training speed beside PyTorch: the network of `quantbench bench train` in both.

    apt-get install python3-torch libopenblas0-openmp
    LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/openblas-openmp \\
        python3 tests/tools/peer_pytorch.py build/quantbench [turns] [threads]

The two programs take turns, so that a machine that others use too slows both alike.
PyTorch at the best setting that was found: Debian's build with the OpenMP build of
OpenBLAS, index by index from one tensor, gathering the batch not in its clock (in
quantbench's it is). BitLinear as in Ma et al. 2024, arXiv:2402.17764: RMSNorm, absmean
ternary weights, absmax int8 activations of each token, identity straight-through.
"""
import json
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

BATCH, STEPS, WARM_UP = 128, 120, 20


class BitLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-1, 1) / inputs**0.5)

    def forward(self, x):
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)
        scale = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
        x = x + ((x * scale).round().clamp(-128, 127) / scale - x).detach()
        mean = self.weight.abs().mean().clamp(min=1e-5)
        w = self.weight + ((self.weight / mean).round().clamp(-1, 1) * mean - self.weight).detach()
        return F.linear(x, w)


def network(layer):
    return nn.Sequential(layer(784, 512), nn.ReLU(), layer(512, 512), nn.ReLU(), layer(512, 10))


def pytorch_speed(net, x, y):
    """Samples a second: batch over the median step."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
    seconds = []
    for step in range(WARM_UP + STEPS):
        at = step * BATCH % (len(x) - BATCH)
        xb, yb = x[at:at + BATCH], y[at:at + BATCH]
        start = time.perf_counter()
        loss = F.cross_entropy(net(xb), yb)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step >= WARM_UP:
            seconds.append(time.perf_counter() - start)
    return BATCH / statistics.median(seconds)


def quantbench_speeds(program, threads):
    out = subprocess.run([program, "bench", "train", "--seconds", "1", "--json", "--threads",
                          str(threads)], check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    return {row["network"]: row["samples_per_second"] for row in rows}


def main():
    program = sys.argv[1]
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, y = torch.randn(20000, 784), torch.randint(0, 10, (20000,))
    nets = {"float": network(nn.Linear), "bitnet158": network(BitLinear)}
    theirs, ours = {n: [] for n in nets}, {n: [] for n in nets}
    for _ in range(turns):
        for name, net in nets.items():
            theirs[name].append(pytorch_speed(net, x, y))
        for name, speed in quantbench_speeds(program, threads).items():
            ours[name].append(speed)
    print(f"PyTorch {torch.__version__}, {threads} threads, {turns} turns, medians of samples/s")
    for name in nets:
        ratio = [a / b for a, b in zip(ours[name], theirs[name])]
        print(f"{name:10} PyTorch {statistics.median(theirs[name]):7.0f}  quantbench "
              f"{statistics.median(ours[name]):7.0f}  ratio {statistics.median(ratio):.2f} "
              f"({min(ratio):.2f} to {max(ratio):.2f})")


main()
