"""What the shop sells: for every kind its shelf, its name on the label, prices, materials and sizes."""

from dataclasses import dataclass

CLOTHING_SIZES = ("XS", "S", "M", "L", "XL")
SHOE_SIZES = ("36", "37", "38", "39", "40", "41", "42", "43")


@dataclass(frozen=True, slots=True)
class Line:
    """One kind in the shop: category path, nouns for names, materials, cheapest and dearest price, sizes if any."""

    category: str
    nouns: tuple[str, ...]
    materials: tuple[str, ...]
    price: tuple[float, float]
    sizes: tuple[str, ...] = ()


ASSORTMENT: dict[str, Line] = {
    "t-shirt": Line("Clothing > Tops > T-shirts", ("T-shirt", "Tee"), ("cotton", "linen"), (14, 35), CLOTHING_SIZES),
    "dress": Line(
        "Clothing > Dresses > Day dresses", ("Dress", "Summer dress"), ("cotton", "linen"), (45, 120), CLOTHING_SIZES
    ),
    "skirt": Line(
        "Clothing > Skirts > Flared skirts",
        ("Skirt", "Flared skirt"),
        ("cotton", "denim", "linen"),
        (30, 75),
        CLOTHING_SIZES,
    ),
    "trousers": Line(
        "Clothing > Trousers > Casual", ("Trousers", "Pants"), ("cotton", "denim", "linen"), (39, 99), CLOTHING_SIZES
    ),
    "shirt": Line(
        "Clothing > Tops > Shirts", ("Shirt", "Button-up shirt"), ("cotton", "linen"), (35, 85), CLOTHING_SIZES
    ),
    "apron": Line("Kitchen > Textiles > Aprons", ("Apron", "Kitchen apron"), ("cotton", "linen"), (18, 42)),
    "jumper": Line("Clothing > Tops > Knitwear", ("Jumper", "Sweater"), ("wool", "cotton"), (49, 139), CLOTHING_SIZES),
    "beanie": Line("Clothing > Accessories > Hats", ("Beanie", "Woolly hat"), ("wool",), (15, 39)),
    "scarf": Line("Clothing > Accessories > Scarves", ("Scarf", "Winter scarf"), ("wool", "cotton"), (19, 59)),
    "socks": Line(
        "Clothing > Accessories > Socks",
        ("Socks", "Pair of socks"),
        ("cotton", "wool"),
        (6, 18),
        ("36-39", "40-43", "44-46"),
    ),
    "mittens": Line("Clothing > Accessories > Gloves", ("Mittens", "Knitted mittens"), ("wool",), (16, 38)),
    "sneakers": Line(
        "Shoes > Casual > Sneakers", ("Sneakers", "Trainers"), ("canvas", "leather"), (49, 129), SHOE_SIZES
    ),
    "wellies": Line("Shoes > Boots > Rain boots", ("Wellies", "Rain boots"), ("rubber",), (29, 79), SHOE_SIZES),
    "slippers": Line("Shoes > Home > Slippers", ("Slippers", "House shoes"), ("wool", "plush"), (19, 55), SHOE_SIZES),
    "backpack": Line("Bags > Everyday > Backpacks", ("Backpack", "Rucksack"), ("nylon", "canvas"), (39, 119)),
    "tote bag": Line("Bags > Everyday > Totes", ("Tote bag", "Shopper"), ("cotton", "canvas"), (12, 39)),
    "suitcase": Line("Bags > Travel > Suitcases", ("Suitcase", "Trolley case"), ("plastic", "aluminium"), (89, 249)),
    "handbag": Line("Bags > Elegant > Handbags", ("Handbag", "Purse"), ("leather", "velvet"), (59, 199)),
    "mug": Line("Kitchen > Tableware > Mugs", ("Mug", "Cup"), ("ceramic", "porcelain", "enamel"), (7, 24)),
    "teapot": Line("Kitchen > Tableware > Teapots", ("Teapot",), ("ceramic", "porcelain"), (25, 69)),
    "bowl": Line("Kitchen > Tableware > Bowls", ("Bowl", "Salad bowl"), ("ceramic", "porcelain", "enamel"), (12, 39)),
    "plate": Line("Kitchen > Tableware > Plates", ("Plate", "Dinner plate"), ("ceramic", "porcelain"), (9, 29)),
    "saucepan": Line(
        "Kitchen > Cooking > Pots and pans", ("Saucepan", "Cooking pot"), ("enamel", "aluminium"), (29, 89)
    ),
    "bottle": Line(
        "Kitchen > On the go > Bottles", ("Bottle", "Water bottle"), ("aluminium", "plastic", "glass"), (12, 35)
    ),
    "oven glove": Line("Kitchen > Textiles > Oven gloves", ("Oven glove", "Oven mitt"), ("cotton",), (9, 22)),
    "chair": Line("Furniture > Seating > Chairs", ("Chair", "Dining chair"), ("wood", "velvet", "leather"), (69, 199)),
    "armchair": Line(
        "Furniture > Seating > Armchairs", ("Armchair", "Lounge chair"), ("cotton", "velvet", "leather"), (249, 699)
    ),
    "sofa": Line("Furniture > Seating > Sofas", ("Sofa", "Couch"), ("cotton", "velvet", "leather"), (499, 1599)),
    "stool": Line("Furniture > Seating > Stools", ("Stool", "Bar stool"), ("leather", "cotton", "velvet"), (45, 139)),
    "chest of drawers": Line("Furniture > Storage > Drawers", ("Chest of drawers", "Dresser"), ("wood",), (149, 449)),
    "table lamp": Line(
        "Home > Lamps > Table lamps", ("Table lamp", "Bedside lamp"), ("linen", "cotton", "paper"), (29, 119)
    ),
    "pendant lamp": Line(
        "Home > Lamps > Pendant lamps", ("Pendant lamp", "Ceiling lamp"), ("enamel", "paper", "glass"), (39, 169)
    ),
    "vase": Line("Home > Decoration > Vases", ("Vase", "Flower vase"), ("ceramic", "porcelain", "glass"), (15, 69)),
    "wall clock": Line("Home > Decoration > Clocks", ("Wall clock", "Clock"), ("plastic", "wood", "enamel"), (19, 79)),
    "cushion": Line("Home > Textiles > Cushions", ("Cushion", "Throw pillow"), ("cotton", "linen", "velvet"), (14, 49)),
    "rug": Line("Home > Textiles > Rugs", ("Rug", "Carpet"), ("wool", "cotton"), (49, 299)),
    "candle": Line("Home > Decoration > Candles", ("Candle", "Pillar candle"), ("wax",), (8, 25)),
    "teddy bear": Line("Toys > Soft toys > Bears", ("Teddy bear", "Teddy"), ("plush",), (15, 49)),
    "toy car": Line("Toys > Vehicles > Cars", ("Toy car", "Model car"), ("plastic", "wood"), (9, 35)),
    "kite": Line("Toys > Outdoors > Kites", ("Kite",), ("nylon", "paper"), (12, 39)),
    "spinning top": Line(
        "Toys > Wooden toys > Spinning tops", ("Spinning top", "Humming top"), ("wood", "plastic"), (6, 19)
    ),
    "building blocks": Line(
        "Toys > Wooden toys > Blocks", ("Building blocks", "Toy blocks"), ("wood", "plastic"), (14, 45)
    ),
    "ball": Line("Sports > Ball games > Balls", ("Ball", "Play ball"), ("rubber", "leather"), (9, 45)),
    "surfboard": Line("Sports > Water > Surfboards", ("Surfboard",), ("plastic", "wood"), (199, 599)),
    "skateboard": Line("Sports > Street > Skateboards", ("Skateboard",), ("wood", "plastic"), (49, 139)),
    "yoga mat": Line("Sports > Fitness > Yoga mats", ("Yoga mat", "Exercise mat"), ("foam", "rubber"), (19, 69)),
    "swim ring": Line("Sports > Water > Swim rings", ("Swim ring", "Pool ring"), ("plastic",), (8, 24)),
    "notebook": Line("Stationery > Paper > Notebooks", ("Notebook", "Journal"), ("paper", "leather"), (6, 24)),
    "pencil case": Line(
        "Stationery > Desk > Pencil cases", ("Pencil case", "Pencil pouch"), ("canvas", "leather", "nylon"), (9, 29)
    ),
    "gift box": Line("Stationery > Gifts > Gift boxes", ("Gift box",), ("paper",), (4, 15)),
    "pencils": Line("Stationery > Desk > Pencils", ("Pencils", "Set of pencils"), ("wood",), (4, 16)),
    "plant pot": Line("Garden > Plants > Pots", ("Plant pot", "Planter"), ("ceramic", "plastic"), (8, 45)),
    "watering can": Line("Garden > Tools > Watering cans", ("Watering can",), ("enamel", "plastic"), (15, 49)),
    "umbrella": Line("Garden > Rain > Umbrellas", ("Umbrella", "Rain umbrella"), ("nylon", "cotton"), (15, 55)),
    "birdhouse": Line("Garden > Animals > Birdhouses", ("Birdhouse", "Nest box"), ("wood",), (15, 49)),
    "deckchair": Line("Garden > Furniture > Deckchairs", ("Deckchair", "Beach chair"), ("canvas", "cotton"), (39, 99)),
}
