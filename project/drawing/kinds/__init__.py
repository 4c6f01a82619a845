"""Every kind of product that can be drawn: a name, and a function that draws its parts with a pen."""

from collections.abc import Callable

from ..pen import Pen
from . import bags, clothes, furniture, garden, home, kitchen, knitwear, shoes, sports, stationery, toys

KINDS: dict[str, Callable[[Pen], None]] = {
    **clothes.KINDS,
    **knitwear.KINDS,
    **shoes.KINDS,
    **bags.KINDS,
    **kitchen.KINDS,
    **furniture.KINDS,
    **home.KINDS,
    **toys.KINDS,
    **sports.KINDS,
    **stationery.KINDS,
    **garden.KINDS,
}
