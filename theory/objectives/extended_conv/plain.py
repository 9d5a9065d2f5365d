r"""Forward and backward through a network, batched over networks, in any array library: the plain twin of
:mod:`theory.kernels.network`, and what runs on a device.

An output pixel i of a layer is σ(zᵢ), and with its patch pᵢ (a bias multiplies a 1 in it)

    tied       zᵢ = ŵ·pᵢ                                  conventional, Equation 1
    free       zᵢ = wᵢ·pᵢ                                 extended, Equation 3
    excess     zᵢ = ŵ·pᵢ + sᵢ ‖pᵢ‖                        extended, wᵢ = ŵ + sᵢ pᵢ/‖pᵢ‖

Of all wᵢ with one zᵢ that of the excess is the nearest to ŵ: any wᵢ with a part across pᵢ pays for it and gains
nothing. So the penalty Σ‖wᵢ − ŵ‖² is Σ sᵢ² there, and the two extended problems have the same minima and the same
stationary points; but the excesses are T times fewer. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float

from theory.objectives.extended_conv.network import Layer, Network


class Pass(NamedTuple):
    """A way forward through one layer: its patches (nets, T, h, w), their norms, and its output (nets, c, h, w)."""

    patches: Any
    norm: Any
    out: Any


def patches(layer: Layer, a: Float[Any, "nets c rows columns"]) -> Float[Any, "nets t h w"]:
    """Every output pixel's patch of the input, the bias's 1 last."""
    xp, k = array_namespace(a), layer.size
    if layer.pad:
        wide = xp.zeros((*a.shape[:2], layer.rows + 2 * layer.pad, layer.columns + 2 * layer.pad), dtype=a.dtype)
        wide[:, :, layer.pad : -layer.pad, layer.pad : -layer.pad] = a
        a = wide
    _, h, w = layer.shape
    found = [a[:, c, i : i + h, j : j + w] for c in range(layer.c_in) for i in range(k) for j in range(k)]
    return xp.stack([*found, xp.ones_like(found[0])] if layer.bias else found, axis=1)


def unpatched(layer: Layer, p: Float[Any, "nets t h w"]) -> Float[Any, "nets c rows columns"]:
    """The transpose of ``patches``: what goes back to the input."""
    xp, k = array_namespace(p), layer.size
    _, h, w = layer.shape
    a = xp.zeros((p.shape[0], layer.c_in, layer.rows + 2 * layer.pad, layer.columns + 2 * layer.pad), dtype=p.dtype)
    for t in range(layer.c_in * k * k):
        c, i, j = t // k**2, t // k % k, t % k
        a[:, c, i : i + h, j : j + w] += p[:, t, ...]
    return a[:, :, layer.pad : layer.pad + layer.rows, layer.pad : layer.pad + layer.columns]


def sigmoid(z: Any) -> Any:
    """1/(1 + e^−z), which overflows nowhere."""
    return 0.5 * (1 + array_namespace(z).tanh(z / 2))


def forward(network: Network, x: Any, w: Any, u: Any, mode: str) -> list[Pass]:
    """All layers' passes. x (c, rows, columns) is one for all networks; w (nets, P); u (nets, n), or None if tied."""
    xp = array_namespace(w)
    a = xp.broadcast_to(x, (w.shape[0], *x.shape))
    passes = []
    for place, layer in enumerate(network.layers):
        p = patches(layer, a)
        norm = xp.sqrt(xp.sum(p**2, axis=1))
        if mode == "free":
            z = xp.sum(network.fields(u)[place] * p[:, None, ...], axis=2)
        else:
            z = xp.sum(network.kernels(w)[place][..., None, None] * p[:, None, ...], axis=2)
        if mode == "excess":
            z = z + network.excess(u)[place] * norm[:, None, ...]
        a = sigmoid(z)
        passes.append(Pass(p, norm, a))
    return passes


def backward(
    network: Network, passes: Sequence[Pass], w: Any, u: Any, mode: str, back: Any
) -> tuple[list[Any], list[Any]]:
    """∂/∂z of every layer, and ∂/∂(the mode's own weights) of every layer, from ∂/∂output.

    Without the penalty. The mode's own weights are ŵ if tied, wᵢ if free, sᵢ if excess.
    """
    xp = array_namespace(w)
    along_z, along_own = [], []
    for place in reversed(range(len(network.layers))):
        layer, (p, norm, out) = network.layers[place], passes[place]
        delta = back * out * (1 - out)
        if mode == "free":
            weights = network.fields(u)[place]
            own = delta[:, :, None, ...] * p[:, None, ...]
        else:
            weights = network.kernels(w)[place][..., None, None]
            own = (
                xp.sum(delta[:, :, None, ...] * p[:, None, ...], axis=(-2, -1))
                if mode == "tied"
                else delta * norm[:, None, ...]
            )
        to_patches = xp.sum(weights * delta[:, :, None, ...], axis=1)
        if mode == "excess":
            rate = xp.sum(network.excess(u)[place] * delta, axis=1) / xp.where(norm > 0, norm, 1)
            to_patches = to_patches + rate[:, None, ...] * p
        back = unpatched(layer, to_patches)
        along_z.append(delta)
        along_own.append(xp.reshape(own, (w.shape[0], -1)))
    return along_z[::-1], along_own[::-1]


def evaluate(
    network: Network, x: Any, y: Any, w: Any, u: Any, *, mode: str, factor: float, lam: float
) -> tuple[Any, Any, Any, Any]:
    """Data term c‖y − G‖², penalty, gradient in the mode's own weights, and in ŵ with those held.

    Tied, there is no penalty, and the own weights are ŵ.
    """
    xp = array_namespace(w)
    passes = forward(network, x, w, u, mode)
    rest = passes[-1].out - y
    data = factor * xp.sum(rest**2, axis=(1, 2, 3))
    along_z, own = backward(network, passes, w, u, mode, 2 * factor * rest)
    slope = xp.concat(own, axis=1)
    if mode == "tied":
        return data, xp.zeros_like(data), slope, slope
    if mode == "excess":
        parts = [
            xp.sum(d[:, :, None, ...] * p[:, None, ...], axis=(-2, -1))
            for d, (p, _, _) in zip(along_z, passes, strict=True)
        ]
        outer = xp.concat([xp.reshape(part, (w.shape[0], -1)) for part in parts], axis=1)
        return data, lam**2 / 2 * xp.sum(u**2, axis=1), slope + lam**2 * u, outer
    apart = u - network.spread(w)
    penalty = lam**2 / 2 * xp.sum(apart**2, axis=1)
    return data, penalty, slope + lam**2 * apart, -(lam**2) * network.gather(apart)


def weights_of(network: Network, x: Any, w: Any, s: Any) -> Any:
    """The auxiliary weights that excesses stand for: wᵢ = ŵ + sᵢ pᵢ/‖pᵢ‖."""
    xp = array_namespace(w)
    parts = []
    for s_here, w_here, (p, norm, _) in zip(
        network.excess(s), network.kernels(w), forward(network, x, w, s, "excess"), strict=True
    ):
        unit = p / xp.where(norm > 0, norm, 1)[:, None, ...]
        parts.append(
            xp.reshape(w_here[..., None, None] + s_here[:, :, None, ...] * unit[:, None, ...], (w.shape[0], -1))
        )
    return xp.concat(parts, axis=1)


def excesses_of(network: Network, x: Any, w: Any, u: Any) -> Any:
    """The excesses with which every pre-activation is what it is with these auxiliary weights.

    The data term is the same, and the penalty no larger: the weights' part across the patches is left out.
    """
    xp = array_namespace(w)
    parts = []
    for w_here, u_here, (p, norm, _) in zip(
        network.kernels(w), network.fields(u), forward(network, x, w, u, "free"), strict=True
    ):
        along = xp.sum((u_here - w_here[..., None, None]) * p[:, None, ...], axis=2)
        parts.append(xp.reshape(along / xp.where(norm > 0, norm, 1)[:, None, ...], (w.shape[0], -1)))
    return xp.concat(parts, axis=1)


def excesses_of_normal(network: Network, x: Any, w: Any, normal: Any) -> Any:
    """The excesses of auxiliary weights from N(0, I): of those wᵢ·pᵢ ~ N(0, ‖pᵢ‖²), given what goes into the layer."""
    xp = array_namespace(w)
    a, parts = xp.broadcast_to(x, (w.shape[0], *x.shape)), []
    for layer, kernel, drawn in zip(network.layers, network.kernels(w), network.excess(normal), strict=True):
        p = patches(layer, a)
        norm = xp.sqrt(xp.sum(p**2, axis=1))
        tied = xp.sum(kernel[..., None, None] * p[:, None, ...], axis=2)
        parts.append(xp.reshape(drawn - tied / xp.where(norm > 0, norm, 1)[:, None, ...], (w.shape[0], -1)))
        a = sigmoid(drawn * norm[:, None, ...])
    return xp.concat(parts, axis=1)


def along_patches(network: Network, x: Any, w: Any, s: Any) -> Any:
    """Σᵢ (wᵢ − ŵ) = Σᵢ sᵢ pᵢ/‖pᵢ‖, kernel by kernel."""
    xp = array_namespace(w)
    parts = []
    for s_here, (p, norm, _) in zip(network.excess(s), forward(network, x, w, s, "excess"), strict=True):
        unit = p / xp.where(norm > 0, norm, 1)[:, None, ...]
        parts.append(xp.reshape(xp.sum(s_here[:, :, None, ...] * unit[:, None, ...], axis=(-2, -1)), (w.shape[0], -1)))
    return xp.concat(parts, axis=1)
