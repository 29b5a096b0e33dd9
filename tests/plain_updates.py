"""Updates as their papers write them: a tensor ``w``, its gradients in order, a rate; the weights after each step.

What an update computes over all tensors of a network together is given them joined into one vector.
"""

from itertools import count

import torch


def numbered(gradients):
    return zip(count(1), gradients, strict=False)


def root(second, beta, t):
    """The root of a bias-corrected second moment."""
    return (second / (1 - beta**t)).sqrt()


# ---------------------------------------------------------------- momenta and signs


def nesterov(w, gradients, lr):
    v = 0
    for g in gradients:
        v = 0.9 * v + g
        w = w - lr * (g + 0.9 * v)
        yield w


def asgd(w, gradients, lr, lambd=1e-4):
    rate = lr
    for t, g in numbered(gradients):
        w = w * (1 - lambd * rate) - rate * g
        rate = lr / (1 + lambd * lr * t) ** 0.75
        yield w


def aggmo(w, gradients, lr):
    momenta = {0.0: 0, 0.9: 0, 0.99: 0}
    for g in gradients:
        momenta = {beta: beta * v + g for beta, v in momenta.items()}
        w = w - lr * sum(momenta.values()) / 3
        yield w


def qhm(w, gradients, lr):
    a = 0
    for g in gradients:
        a = 0.999 * a + 0.001 * g
        w = w - lr * (0.3 * g + 0.7 * a)
        yield w


def pnm(w, gradients, lr):
    new, old = 0, 0
    for g in gradients:
        new, old = old, new
        new = 0.9**2 * new + (1 - 0.9**2) * g
        w = w - lr * (2 * new - old) / 5**0.5
        yield w


def adai(w, gradients, lr):
    m, v, product = 0, 0, 1
    for t, g in numbered(gradients):
        v = 0.99 * v + 0.01 * g**2
        corrected = v / (1 - 0.99**t)
        beta = (1 - 0.1 * corrected / corrected.mean()).clamp(0, 1 - 1e-3)
        m, product = beta * m + (1 - beta) * g, product * beta
        w = w - lr * m / (1 - product)
        yield w


def msvag(w, gradients, lr, beta=0.9):
    m, v = 0, 0
    for t, g in numbered(gradients):
        m, v = beta * m + (1 - beta) * g, beta * v + (1 - beta) * g**2
        mean, square = m / (1 - beta**t), v / (1 - beta**t)
        rho = (1 - beta) * (1 + beta**t) / ((1 + beta) * (1 - beta**t))
        variance = (square - mean**2) / (1 - rho) if t > 1 else 0
        w = w - lr * mean * mean**2 / (mean**2 + rho * variance)
        yield w


def signum(w, gradients, lr, beta=0.9):
    a = 0
    for g in gradients:
        a = beta * a + (1 - beta) * g
        w = w - lr * a.sign()
        yield w


def tiger(w, gradients, lr):
    return signum(w, gradients, lr, beta=0.965)


def rprop(w, gradients, lr):
    size, previous = torch.full_like(w, lr), torch.zeros_like(w)
    for g in gradients:
        agree = g * previous
        size = torch.where(agree > 0, 1.2 * size, torch.where(agree < 0, 0.5 * size, size)).clamp(1e-6, 50)
        previous = torch.where(agree < 0, torch.zeros_like(g), g)
        w = w - size * previous.sign()
        yield w


# ---------------------------------------------------------------- a rate per weight


def adagrad(w, gradients, lr):
    total = 0
    for g in gradients:
        total = total + g**2
        w = w - lr * g / (total.sqrt() + 1e-10)
        yield w


def rmsprop(w, gradients, lr):
    v = 0
    for g in gradients:
        v = 0.99 * v + 0.01 * g**2
        w = w - lr * g / (v.sqrt() + 1e-8)
        yield w


def adadelta(w, gradients, lr, eps=1e-6):
    v, u = 0, 0
    for g in gradients:
        v = 0.9 * v + 0.1 * g**2
        step = ((u + eps) / (v + eps)) ** 0.5 * g
        u = 0.9 * u + 0.1 * step**2
        w = w - lr * step
        yield w


def adam(w, gradients, lr, betas=(0.9, 0.999), eps=1e-8):
    m, v = 0, 0
    for t, g in numbered(gradients):
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * m / (1 - betas[0] ** t) / (root(v, betas[1], t) + eps)
        yield w


def adamax(w, gradients, lr):
    m, u = 0, torch.zeros_like(w)
    for t, g in numbered(gradients):
        m, u = 0.9 * m + 0.1 * g, torch.maximum(0.999 * u, g.abs() + 1e-8)
        w = w - lr / (1 - 0.9**t) * m / u
        yield w


def nadam(w, gradients, lr):
    m, v, product = 0, 0, 1
    for t, g in numbered(gradients):
        now, after = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * k)) for k in (t, t + 1))
        product = product * now
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
        w = w - lr * step / (root(v, 0.999, t) + 1e-8)
        yield w


def amsgrad(w, gradients, lr):
    m, v, largest = 0, 0, torch.zeros_like(w)
    for t, g in numbered(gradients):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        largest = torch.maximum(largest, v)
        w = w - lr * m / (1 - 0.9**t) / (root(largest, 0.999, t) + 1e-8)
        yield w


def adabelief(w, gradients, lr):
    m, s = 0, 0
    for t, g in numbered(gradients):
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * (g - m) ** 2 + 1e-16
        w = w - lr * m / (1 - 0.9**t) / (root(s, 0.999, t) + 1e-16)
        yield w


def yogi(w, gradients, lr):
    m, v = torch.full_like(w, 1e-6), torch.full_like(w, 1e-6)
    for t, g in numbered(gradients):
        m, v = 0.9 * m + 0.1 * g, v - 0.001 * (v - g**2).sign() * g**2
        w = w - lr * m / (1 - 0.9**t) / (root(v, 0.999, t) + 1e-3)
        yield w


def laprop(w, gradients, lr):
    m, v = 0, 0
    for t, g in numbered(gradients):
        v = 0.999 * v + 0.001 * g**2
        m = 0.9 * m + 0.1 * g / root(v, 0.999, t)
        w = w - lr * m / (1 - 0.9**t)
        yield w


def adopt(w, gradients, lr, clip=lambda step: step**0.25):
    """The paper's, with its clip as a function of the number of the step; the first starts the second moment."""
    m, v = 0, None
    for t, g in numbered(gradients):
        if v is None:
            v = g**2
        else:
            m = 0.9 * m + 0.1 * (g / v.sqrt().clamp_min(1e-6)).clamp(-clip(t), clip(t))
            w = w - lr * m
            v = 0.9999 * v + 0.0001 * g**2
        yield w


def ademamix(w, gradients, lr):
    m, slow, v = 0, 0, 0
    for t, g in numbered(gradients):
        m, slow, v = 0.9 * m + 0.1 * g, 0.9999 * slow + 0.0001 * g, 0.999 * v + 0.001 * g**2
        w = w - lr * (m / (1 - 0.9**t) + 5 * slow) / (root(v, 0.999, t) + 1e-8)
        yield w


def diffgrad(w, gradients, lr):
    m, v, previous = 0, 0, 0
    for t, g in numbered(gradients):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        friction = 1 / (1 + torch.exp(-(previous - g).abs()))
        w = w - lr * friction * m * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t) / (v.sqrt() + 1e-8)
        previous = g
        yield w


def padam(w, gradients, lr):
    m, v = 0, 0
    for t, g in numbered(gradients):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - lr * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t) * m / (v.sqrt() + 1e-8) ** 0.5
        yield w


def grams(w, gradients, lr):
    m, v = 0, 0
    for t, g in numbered(gradients):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - lr * g.sign() * (m / (1 - 0.9**t) / (root(v, 0.999, t) + 1e-6)).abs()
        yield w


def grokfast(w, gradients, lr):
    slow, amplified = gradients[0], []
    for g in gradients:
        slow = 0.98 * slow + 0.02 * g
        amplified.append(g + 2 * slow)
    return adam(w, amplified, lr, betas=(0.9, 0.99), eps=0)


# ---------------------------------------------------------------- norms, means and rates per tensor


def lars(w, gradients, lr):
    v = 0
    for g in gradients:
        v = 0.9 * v + (g * 1e-3 * w.norm() / g.norm() if w.dim() > 1 else g)
        w = w - lr * v
        yield w


def lamb(w, gradients, lr, correct=lambda t: 1 / (1 - 0.9**t)):
    """The paper's with ``correct = 1``; its bias corrections cancel in the scaled step but for eps."""
    m, v = 0, 0
    for t, g in numbered(gradients):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (v.sqrt() + 1e-6)
        w = w - lr * correct(t) * step * w.norm().clamp_max(10) / (step.norm() + 1e-6)
        yield w


def novograd(w, gradients, lr):
    m, v = 0, None
    for g in gradients:
        v = (g**2).sum() if v is None else 0.98 * v + 0.02 * (g**2).sum()
        m = 0.95 * m + g / (v.sqrt() + 1e-8)
        w = w - lr * m
        yield w


def tangential(w, g, step, delta=0.1):
    """A step without its radial part, by rows or as a whole, where gradient and weights are nearly orthogonal."""
    if w.dim() == 1:
        return step
    for view in (lambda x: x, lambda x: x.reshape(1, -1)):
        rows, slopes, steps = view(w), view(g), view(step)
        cosine = (rows * slopes).sum(1).abs() / rows.norm(dim=1) / slopes.norm(dim=1)
        if cosine.max() < delta / rows.shape[1] ** 0.5:
            unit = rows / rows.norm(dim=1, keepdim=True)
            return (steps - unit * (unit * steps).sum(1, keepdim=True)).reshape(w.shape)
    return step


def sgdp(w, gradients, lr):
    v = 0
    for g in gradients:
        v = 0.9 * v + g
        w = w - lr * tangential(w, g, v)
        yield w


def adamp(w, gradients, lr):
    m, v = 0, 0
    for t, g in numbered(gradients):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9**t) * (1 - 0.999**t) ** 0.5 / (v.sqrt() + 1e-8)
        w = w - lr * tangential(w, g, step)
        yield w


def mean_square(x):
    return (x**2).mean()


def factored(rows, columns):
    """The second moment of rank one with these means of rows and columns."""
    return torch.outer(rows, columns) / rows.mean()


def adafactor(w, gradients, lr):
    rows, columns, v = 0, 0, 0
    for t, g in numbered(gradients):
        keep = 1 - t**-0.8
        rate = min(lr, t**-0.5) * mean_square(w).sqrt().clamp_min(1e-3)
        if w.dim() > 1:
            rows, columns = (keep * old + (1 - keep) * (g**2).mean(axis) for axis, old in ((1, rows), (0, columns)))
            step = g / factored(rows, columns).sqrt()
        else:
            v = keep * v + (1 - keep) * g**2
            step = g / v.sqrt()
        w = w - rate * step / mean_square(step).sqrt().clamp_min(1)
        yield w


def came(w, gradients, lr):
    m, seconds, residuals = 0, [0, 0], [0, 0]
    for g in gradients:
        if w.dim() > 1:
            seconds = [0.999 * old + 0.001 * (g**2).mean(axis) for axis, old in zip((1, 0), seconds, strict=True)]
            step = g / factored(*seconds).sqrt()
        else:
            seconds = [0.999 * seconds[0] + 0.001 * g**2]
            step = g / seconds[0].sqrt()
        step = step / mean_square(step).sqrt().clamp_min(1)
        m = 0.9 * m + 0.1 * step
        if w.dim() > 1:
            unstable = (step - m) ** 2
            residuals = [0.9999 * old + 1e-4 * unstable.mean(a) for a, old in zip((1, 0), residuals, strict=True)]
            w = w - lr * m / factored(*residuals).sqrt()
        else:
            w = w - lr * m
        yield w


def sm3(w, gradients, lr):
    rows, columns, m = torch.zeros(()), torch.zeros(()), 0
    for g in gradients:
        if w.dim() > 1:
            second = torch.minimum(rows, columns) + g**2
            rows, columns = second.amax(1, keepdim=True), second.amax(0, keepdim=True)
        else:
            second = rows = rows + g**2
        m = 0.9 * m + 0.1 * g / second.sqrt()
        w = w - lr * m
        yield w


def stable_spam(w, gradients, lr):
    largest, first, second, changed = 0, 0, 0, []
    for t, g in numbered(gradients):
        largest = 0.999 * largest + 0.001 * g.abs().max()
        bound = largest / (1 - 0.999**t)
        g = torch.where(g.abs() > bound, g / g.abs().max() * bound, g)
        first, second = 0.7 * first + 0.3 * g.norm(), 0.9 * second + 0.1 * g.norm() ** 2
        changed.append(g / g.norm() * first / (1 - 0.7**t) / (root(second, 0.9, t) + 1e-8))
    return adam(w, changed, lr)


def mars(w, gradients, lr):
    previous, corrected = 0, []
    for g in gradients:
        c = g + 0.025 * 0.95 / 0.05 * (g - previous)
        corrected.append(c / c.norm().clamp_min(1))
        previous = g
    return adam(w, corrected, lr, betas=(0.95, 0.99), eps=0)


# ---------------------------------------------------------------- rates from distances


def prodigy(w, gradients, lr):
    d, start, numerator, s, m, v = 1e-6, w, 0, 0, 0, 0
    memory = 0.999**0.5
    for g in gradients:
        numerator = memory * numerator + d / 1e-6 * d * lr * (g * (start - w)).sum()
        s = memory * s + d / 1e-6 * d * lr * g
        m, v = 0.9 * m + 0.1 * d * g, 0.999 * v + 0.001 * d**2 * g**2
        found = (numerator / s.abs().sum()).item()
        rate, d = d * lr, max(d, found)
        w = w - rate * m / (v.sqrt() + d * 1e-8)
        yield w


def dadapt_adam(w, gradients, lr):
    d, r, s, m, v = 1e-6, 0, torch.zeros_like(w), 0, torch.zeros_like(w)
    memory = 0.999**0.5
    for g in gradients:
        r = memory * r + (1 - memory) * d * lr * (g * s / (v.sqrt() + 1e-8)).sum()
        m, v = 0.9 * m + 0.1 * d * lr * g, 0.999 * v + 0.001 * g**2
        s = memory * s + (1 - memory) * d * lr * g
        d = max(d, (r / ((1 - memory) * s.abs().sum())).item())
        w = w - m / (v.sqrt() + 1e-8)
        yield w


# ---------------------------------------------------------------- with the Hessian's diagonal at some steps


def sophia(w, gradients, diagonals, lr):
    m, h = 0, 0
    for g, diagonal in zip(gradients, diagonals, strict=True):
        m = 0.96 * m + 0.04 * g
        h = h if diagonal is None else 0.99 * h + 0.01 * diagonal
        w = w - lr * (m / h.clamp_min(1e-12)).clamp(-0.01, 0.01)
        yield w


def adahessian(w, gradients, diagonals, lr):
    m, v = 0, 0
    for t, g, diagonal in zip(count(1), gradients, diagonals, strict=False):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * diagonal**2
        w = w - lr * m / (1 - 0.9**t) / (root(v, 0.999, t) + 1e-16)
        yield w


def average_of(iterates, memory):
    """The bias-corrected average of iterates, after each."""
    a = 0
    for t, w in numbered(iterates):
        a = memory * a + (1 - memory) * w
        yield a / (1 - memory**t)
