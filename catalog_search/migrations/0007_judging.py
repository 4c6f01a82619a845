import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog_search", "0006_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="Judgement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("index", models.CharField(max_length=100, verbose_name="index")),
                ("language", models.CharField(max_length=15, verbose_name="language")),
                ("query", models.CharField(max_length=500, verbose_name="query")),
                ("object_key", models.CharField(max_length=200, verbose_name="object key")),
                (
                    "grade",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "Wrong"), (1, "Related"), (2, "Good"), (3, "Exactly right")], verbose_name="grade"
                    ),
                ),
                ("judged_by", models.CharField(blank=True, max_length=150, verbose_name="judged by")),
                ("judged_at", models.DateTimeField(auto_now=True, verbose_name="judged")),
            ],
            options={
                "verbose_name": "judgement",
                "verbose_name_plural": "judgements",
                "permissions": [("use_playground", "Can search in the playground")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("index", "language", "query", "object_key"), name="catalog_search_judgement_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("grade__lte", 3)), name="catalog_search_judgement_grade"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Measurement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=200, verbose_name="judgements")),
                ("queries", models.PositiveIntegerField(verbose_name="queries")),
                ("content", models.JSONField(verbose_name="measured")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="measured at"
                    ),
                ),
                (
                    "generation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="catalog_search.generation",
                        verbose_name="generation",
                    ),
                ),
            ],
            options={
                "verbose_name": "measurement",
                "verbose_name_plural": "measurements",
                "indexes": [models.Index(fields=["created_at"], name="catalog_search_measured_at")],
            },
        ),
    ]
