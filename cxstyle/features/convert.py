"""Weight files of other makers: torchvision and Caffe state dicts, Gatys' key layout, MatConvNet's .mat."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WeightsError
from ..files import check_plain, sha256_of
from .layers import CAFFE, CONVOLUTIONS, IMAGENET, MATCONVNET, NORMALIZATIONS, Normalization, torchvision_indices
from .weights import LARGEST, Network, Provenance, check_shapes

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED: dict[str, tuple[str, str, Normalization | None]] = {
    "dcbb9e9d": ("torchvision VGG19_Weights.IMAGENET1K_V1", "BSD-3-Clause", IMAGENET),
    "397923af": ("torchvision VGG16_Weights.IMAGENET1K_V1", "BSD-3-Clause", IMAGENET),
    "d01eb7cb": ("VGG19 of Simonyan and Zisserman (Caffe), state dict by J. Johnson", "CC BY 4.0", CAFFE),
    "00b39a1b": ("VGG16 of Simonyan and Zisserman (Caffe), state dict by J. Johnson", "CC BY 4.0", CAFFE),
}
"""First eight digits of a published file's sha256 -> source, licence, normalization."""
FIRST_VALUES = {"vgg16": -0.5537, "vgg19": -0.0535}
"""conv1_1.weight[0, 0, 0, 0] of torchvision's ImageNet weights, to four digits."""


def read_foreign(path: Path, normalization: str = "auto") -> Network:
    """Reads a weight file of another maker.

    Args:
        path: a PyTorch state dict (.pth, .pt, .safetensors; torchvision's whole or `features` only, Caffe's VGG in the
            same layout or as convK_M), or MatConvNet's imagenet-vgg-verydeep-19.mat.
        normalization: imagenet, caffe, matconvnet, or auto: told from the file.

    Raises:
        WeightsError: unreadable, unknown layout, or a normalization that can't be told.
    """
    digest = checksum(path)
    tensors: dict[str, Tensor]
    found: Normalization | None
    if path.suffix.lower() == ".mat":
        tensors, found = read_mat(path)
    else:
        state = read_state_dict(path)
        tensors, found = rename(state, path), normalization_of(state, digest)
    network = "vgg19" if "conv3_4.weight" in tensors else "vgg16"
    check_shapes(network, tensors, path)
    source, licence, known = PUBLISHED.get(digest[:8], (path.name, "unknown", found))
    chosen = known if normalization == "auto" else NORMALIZATIONS[normalization]
    if chosen is None:
        raise WeightsError(
            f"{path} is a {network} of unknown origin, so its normalization can't be told: add "
            "--normalization imagenet (torchvision: RGB, mean and deviation) or caffe (BGR, 0-255, mean)"
        )
    return Network(Provenance(network, source, digest, licence, chosen), tensors, path)


def checksum(path: Path) -> str:
    """The checksum of a file.

    Raises:
        WeightsError: no file, or one larger than any VGG.
    """
    try:
        check_plain(path, LARGEST)
        return sha256_of(path)
    except OSError as error:
        raise WeightsError(f"can't read the weights {path}: {error.strerror or error}") from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or a pickle that holds nothing but tensors.

    Raises:
        WeightsError: truncated, not a state dict, or a pickle that asks for code to be run.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix.lower() == ".safetensors":
            loaded: Any = load_file(path)
        else:
            check_unpacked(path)
            with warnings.catch_warnings():  # about a protocol of pickles
                warnings.simplefilter("ignore")
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is not a plain state dict: damaged, or a pickle with objects other than tensors, "
            "which could run code and is refused"
        ) from error
    except Exception as error:  # damaged files raise whatever the readers didn't expect
        raise WeightsError(f"{path} is damaged or not a file of weights") from error
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise WeightsError(f"{path} holds no state dict (names and tensors)")
    return {str(key): tensor for key, tensor in loaded.items()}


def check_unpacked(path: Path) -> None:
    """Refuses a ZIP file that grows as it is read; PyTorch doesn't pack what it writes.

    Raises:
        ValueError: it has packed members, or more than its size.
        zipfile.BadZipFile: damaged.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
        if packed or sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("packed")


def rename(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """`features.N.*`, `N.*` or `convK_M.*` to `convK_M.*` in float32; everything else is left out.

    Raises:
        WeightsError: no such names, or batch normalization between the convolutions.
    """
    if any(key.endswith("running_mean") for key in state):
        raise WeightsError(f"{path} is a VGG with batch normalization; cxstyle needs the plain VGG16 or VGG19")
    names = convolution_names(state)
    tensors = {}
    for key, tensor in state.items():
        stem, _, kind = key.removeprefix("features.").rpartition(".")
        if stem in names and kind in ("weight", "bias"):
            if not tensor.is_floating_point():
                found = str(tensor.dtype).removeprefix("torch.")
                raise WeightsError(f"{path}: {names[stem]}.{kind} holds {found}; weights are floating-point numbers")
            tensors[f"{names[stem]}.{kind}"] = tensor.float().contiguous()
    if not tensors:
        raise WeightsError(f"{path} holds no VGG convolutions (features.N.weight, N.weight or convK_M.weight)")
    return tensors


def convolution_names(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Prefix in the file -> name of the layer, for whichever network and layout the file is in."""
    kernels = {key.removeprefix("features.").removesuffix(".weight") for key in state if key.endswith(".weight")}
    if "conv1_1" in kernels:
        return {name: name for name in CONVOLUTIONS["vgg19"]}
    # The eighth convolution is number 16 in VGG19 and 17 in VGG16.
    network = "vgg19" if "16" in kernels else "vgg16"
    return {str(index): name for index, name in torchvision_indices(network).items()}


def normalization_of(state: Mapping[str, Tensor], digest: str) -> Normalization | None:
    """What the weights expect, as far as their layout or first value tells."""
    if digest[:8] in PUBLISHED:
        return PUBLISHED[digest[:8]][2]
    if "conv1_1.weight" in state:
        return CAFFE  # this layout circulates with Gatys' copies of the Caffe weights alone
    first = state.get("features.0.weight", state.get("0.weight"))
    if first is not None and first.dim() == 4:
        value = first[0, 0, 0, 0].item()
        if any(abs(value - known) < 1e-4 for known in FIRST_VALUES.values()):
            return IMAGENET
    return None


def read_mat(path: Path) -> tuple[dict[str, Tensor], Normalization]:
    """MatConvNet's file: kernels (H, W, in, out) for RGB pictures in 0-255, with the mean to subtract.

    Raises:
        WeightsError: SciPy is missing, or the file is damaged or of another kind.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise WeightsError("reading .mat files needs SciPy: pip install 'cxstyle[mat]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = loadmat(path, squeeze_me=True, struct_as_record=False)
    except NotImplementedError as error:
        raise WeightsError(f"{path} is of MATLAB 7.3, which is not read; save it in MATLAB with -v7") from error
    except Exception as error:  # SciPy raises whatever a broken file leads it into
        raise WeightsError(f"{path} is damaged or not MatConvNet's VGG") from error
    try:
        return from_matconvnet(content)
    except (LookupError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path} is damaged or not MatConvNet's VGG") from error


def from_matconvnet(content: Mapping[str, Any]) -> tuple[dict[str, Tensor], Normalization]:
    """The convolutions of a MATLAB file's variables, and what they expect.

    Raises:
        LookupError, AttributeError, TypeError, ValueError, RuntimeError: they aren't MatConvNet's.
    """
    import torch

    tensors = {}
    for layer in content["layers"]:
        if layer.name in CONVOLUTIONS["vgg19"]:
            kernel, bias = layer.weights if hasattr(layer, "weights") else (layer.filters, layer.biases)
            tensors[f"{layer.name}.weight"] = torch.tensor(kernel).permute(3, 2, 0, 1).float().contiguous()
            tensors[f"{layer.name}.bias"] = torch.tensor(bias).float().flatten()
    holder = content["meta"] if "meta" in content else content["normalization"]
    average = getattr(holder, "normalization", holder).averageImage  # (3,) or (224, 224, 3)
    red, green, blue = (float(value) for value in average.reshape(-1, 3).mean(axis=0))
    mean = (red, green, blue)
    return tensors, Normalization("matconvnet", MATCONVNET.channels, MATCONVNET.scale, mean, MATCONVNET.std)
