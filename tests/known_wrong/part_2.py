"""Wrong answers to the exercises of chapter 2."""

import torch


def advantages(divide=True, ddof=1, epsilon=1e-4, batch_mean=False, batch_is_group=False, order="rows", power=1):
    """The right answer with one mistake."""

    def answer(rewards, group_size, scale):
        grouped = torch.tensor(rewards)
        shape = (-1, group_size) if order == "rows" else (group_size, -1)
        grouped = grouped.view(shape)
        mean = grouped.mean() if batch_mean else grouped.mean(1, keepdim=True)
        centred = grouped - mean
        if scale == "none" or not divide:
            return centred.flatten()
        whole = scale == "batch" and not batch_is_group
        std = torch.tensor(rewards).std(correction=ddof) if whole else grouped.std(1, keepdim=True, correction=ddof)
        return (centred / (std**power + epsilon)).flatten()

    return answer


def batch_centred_twice(rewards, group_size, scale):
    if scale == "batch":
        every = torch.tensor(rewards)
        return (every - every.mean()) / (every.std() + 1e-4)
    return advantages()(rewards, group_size, scale)


def one_per_group(rewards, group_size, scale):
    return advantages()(rewards, group_size, scale)[::group_size]


def loss(mask_used=True, mean=True, padded=False, arithmetic=False, sign=-1, pick=torch.minimum, detach=False):
    """The right answer with one mistake."""

    def answer(logps, old_logps, advantages, mask, epsilon):
        difference = (logps.detach() if detach else logps) - old_logps
        used = mask if mask_used else torch.ones_like(mask)
        count = mask.shape[1] if padded else used.sum(1)
        if arithmetic:
            ratio = (difference.exp() * used).sum(1) / count
        else:
            ratio = ((difference * used).sum(1) / (count if mean else 1)).exp()
        clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
        return sign * pick(ratio * advantages, clipped * advantages).mean()

    return answer


def token_level(logps, old_logps, advantages, mask, epsilon):
    ratio = (logps - old_logps).exp()
    A = advantages.unsqueeze(1)
    per_token = -torch.minimum(ratio * A, ratio.clamp(1 - epsilon, 1 + epsilon) * A)
    return (per_token * mask).sum() / mask.sum()


def token_mean(logps, old_logps, advantages, mask, epsilon):
    ratio = (((logps - old_logps) * mask).sum(1) / mask.sum(1)).exp()
    each = -torch.minimum(ratio * advantages, ratio.clamp(1 - epsilon, 1 + epsilon) * advantages)
    return (each.unsqueeze(1) * mask).sum() / mask.sum()


WRONG = {
    "part_2.batch_advantages": [
        ("a table", lambda r, n, s: torch.zeros(len(r) // n, n), "flatten it"),
        ("never divided", advantages(divide=False), "standard deviation"),
        ("ddof = 0", advantages(ddof=0), "ddof=1"),
        ("no epsilon", advantages(epsilon=0.0), "nan"),
        ("centred on the batch", advantages(batch_mean=True), "its own group"),
        ("batch like group", advantages(batch_is_group=True), 'the same as "group"'),
        ("groups as columns", advantages(order="columns"), "in order"),
        ("variance", advantages(power=2), "square root"),
        ("batch: both from the batch", batch_centred_twice, "still the group's mean"),
        ("one number per group", one_per_group, "one per completion"),
    ],
    "part_2.sequence_loss": [
        ("sum of log-ratios", loss(mean=False), "average them"),
        ("padding counted", loss(mask_used=False), "by the mask"),
        ("divided by the padded length", loss(padded=True), "real tokens"),
        ("mean of ratios", loss(arithmetic=True), "average their logarithms"),
        ("sign", loss(sign=1), "minus"),
        ("maximum", loss(pick=torch.maximum), "smaller"),
        ("only the clipped one", loss(pick=lambda plain, clipped: clipped), "smaller"),
        ("no clipping", loss(pick=lambda plain, clipped: plain), "smaller"),
        ("detached", loss(detach=True), "detach"),
        ("one ratio per token", token_level, "average their logarithms"),
        ("mean over tokens", token_mean, "each completion counts once"),
    ],
}
