from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("catalog_search", "0008_words"),
    ]

    operations = [
        # A row stays in one piece up to a page: ranking by words reads the words of each match several times, and takes
        # twice as long where they have to be decompressed or fetched from the TOAST table each time.
        migrations.RunSQL(
            "ALTER TABLE catalog_search_document SET (toast_tuple_target = 8160)",
            "ALTER TABLE catalog_search_document RESET (toast_tuple_target)",
        ),
    ]
