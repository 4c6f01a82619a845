"""What a picture shows, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProductSpec:
    """One product's looks: all that a drawing depends on beside its seed.

    `second` is the colour of the pattern (None for plain things). `style` chooses cut and proportions, so that the
    pictures of one product agree; a drawing's seed only chooses scene, pose and light. `view` is "front", or "boxed"
    for the closed carton that a product may be pictured in.
    """

    kind: str
    colour: str
    second: str | None = None
    pattern: str = "plain"
    material: str = "cotton"
    style: int = 0
    view: str = "front"
