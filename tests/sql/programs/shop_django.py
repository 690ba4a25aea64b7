"""A shop, through Django's models: migrations, relations, aggregates, transactions, JSON. Prints what it
sees.

    python3 shop_django.py DATABASE
"""

import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
    TIME_ZONE="UTC")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, models, transaction  # noqa: E402
from django.db.models import Avg, Count, F, OuterRef, Q, Subquery, Sum, Window  # noqa: E402
from django.db.models.functions import Lower, Rank, TruncMonth  # noqa: E402


class Product(models.Model):
    name = models.CharField(max_length=40, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    tags = models.JSONField(default=list)

    class Meta:
        app_label = "shop"


class Order(models.Model):
    customer = models.ForeignKey(User, on_delete=models.CASCADE)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="orders")
    count = models.PositiveIntegerField()
    placed = models.DateTimeField()

    class Meta:
        app_label = "shop"
        indexes = [models.Index(fields=["product", "-placed"], name="order_product_placed")]


def fill():
    from datetime import datetime, timedelta, timezone
    start = datetime(2020, 1, 1, tzinfo=timezone.utc)
    customers = [User.objects.create(username=f"customer{i}") for i in range(10)]
    Product.objects.bulk_create(
        Product(name=f"product {i}", price=f"{i}.{i % 100:02}", tags=[i % 3, {"even": i % 2 == 0}])
        for i in range(100))
    products = list(Product.objects.order_by("id"))
    Order.objects.bulk_create(
        (Order(customer=customers[i % 10], product=products[i * 7 % 100], count=i % 5 + 1,
               placed=start + timedelta(hours=i)) for i in range(3000)), batch_size=100)


def ask():
    print([(str(month), n, sold) for month, n, sold in Order.objects
           .annotate(month=TruncMonth("placed")).values("month")
           .annotate(n=Count("id"), sold=Sum("count")).order_by("month")
           .values_list("month", "n", "sold")])
    print(list(Product.objects.filter(tags__1__even=True, price__gt=90).order_by("-price")
               .values_list("name", "price", "tags")))
    print(Order.objects.filter(Q(product__name__icontains="CT 7") | Q(count=5))
          .exclude(customer__username="customer0").aggregate(Avg("count"), Sum("product__price")))
    last = Order.objects.filter(product=OuterRef("pk")).order_by("-placed").values("placed")[:1]
    print([str(when) for when in Product.objects.annotate(last=Subquery(last)).order_by("id")
           .values_list("last", flat=True)[:3]])
    ranked = Product.objects.annotate(rank=Window(Rank(), order_by=F("price").desc()))
    print(list(ranked.order_by("rank").values_list("name", "rank")[:3]))
    print(list(Product.objects.annotate(low=Lower("name")).filter(low__regex=r"^product 9\d$")
               .order_by("name").values_list("name", flat=True)[:4]))
    print(Order.objects.select_related("product", "customer").get(pk=1234).product.name)
    print(sum(1 for _ in Order.objects.iterator(chunk_size=50)))


def change():
    print(Order.objects.filter(count=1).update(count=F("count") + 10))
    try:
        with transaction.atomic():
            Product.objects.create(name="fresh", price=1)
            Product.objects.create(name="product 3", price=1)
    except IntegrityError as error:
        print("refused:", error)
    print(Product.objects.filter(name="fresh").exists())
    with transaction.atomic():
        outside = Product.objects.create(name="outside", price=1)
        try:
            with transaction.atomic():
                Product.objects.create(name="inside", price=1)
                raise KeyError
        except KeyError:
            pass
        outside.price = 2
        outside.save()
    print(list(Product.objects.filter(name__endswith="side").values_list("name", "price")))
    made, was_made = Product.objects.get_or_create(name="outside", defaults={"price": 9})
    print(made.price, was_made, Product.objects.update_or_create(name="new", price=3)[1])
    print(Order.objects.filter(customer__username="customer4").delete(), Order.objects.count())
    print(User.objects.get(username="customer4").delete())


def alter():
    """What migrations do: SQLite's tables are made anew and renamed."""
    field = models.TextField(default="none", db_index=True)
    field.set_attributes_from_name("remark")
    with connection.schema_editor() as editor:
        editor.add_field(Product, field)
        editor.alter_field(Order, Order._meta.get_field("count"), widened())
    with connection.cursor() as cursor:
        cursor.execute("SELECT remark, count(*) FROM shop_product GROUP BY remark")
        print(cursor.fetchall())
        described = connection.introspection.get_constraints(cursor, "shop_order")
        print(sorted((name, tuple(what["columns"])) for name, what in described.items()
                     if not name.startswith("__")))
        cursor.execute("PRAGMA foreign_key_check")
        print(cursor.fetchall())
        cursor.execute("PRAGMA integrity_check")
        print(cursor.fetchall())


def widened():
    field = models.BigIntegerField(null=True)
    field.set_attributes_from_name("count")
    field.model = Order
    return field


call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(Product)
    editor.create_model(Order)
fill()
ask()
change()
alter()
print(len(connection.introspection.table_names()))
