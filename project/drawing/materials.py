"""How materials answer light."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Material:
    """Shine (strength and sharpness of the highlight), folds (soft relief of cloth) and grain (fine texture)."""

    gloss: float = 0.05
    sharpness: float = 8
    folds: float = 0
    grain: float = 0.01


MATERIALS: dict[str, Material] = {
    "cotton": Material(0.04, 6, folds=0.55, grain=0.022),
    "linen": Material(0.03, 6, folds=0.6, grain=0.035),
    "wool": Material(0.02, 5, folds=0.4, grain=0.05),
    "denim": Material(0.03, 6, folds=0.45, grain=0.045),
    "canvas": Material(0.03, 6, folds=0.25, grain=0.035),
    "velvet": Material(0.14, 4, folds=0.3, grain=0.02),
    "plush": Material(0.03, 4, folds=0.15, grain=0.07),
    "leather": Material(0.2, 14, folds=0.2, grain=0.02),
    "nylon": Material(0.16, 12, folds=0.4, grain=0.008),
    "ceramic": Material(0.42, 38, grain=0.004),
    "porcelain": Material(0.5, 50, grain=0.003),
    "enamel": Material(0.48, 44, grain=0.003),
    "steel": Material(0.5, 26, grain=0.006),
    "aluminium": Material(0.36, 20, grain=0.008),
    "wood": Material(0.1, 12, grain=0.02),
    "bamboo": Material(0.1, 12, grain=0.02),
    "plastic": Material(0.32, 24, grain=0.003),
    "rubber": Material(0.2, 12, grain=0.01),
    "paper": Material(0.03, 6, grain=0.012),
    "wax": Material(0.14, 10, grain=0.008),
    "glass": Material(0.6, 60, grain=0.0),
    "foam": Material(0.04, 6, grain=0.03),
}
