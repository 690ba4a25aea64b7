"""SQLAlchemy's reflection and ORM through its PostgreSQL dialect, against the tables of clients_test.py.

sqlalchemy_client.py PORT
"""
import datetime
import decimal
import sys

import sqlalchemy as sa
from sqlalchemy.orm import Session, declarative_base, relationship

engine = sa.create_engine(f"postgresql+psycopg2://ann@127.0.0.1:{sys.argv[1]}/x")
Base = declarative_base()


class Author(Base):
    __tablename__ = "sa_author"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(30), nullable=False)
    born = sa.Column(sa.Date)
    ok = sa.Column(sa.Boolean, default=True)
    ts = sa.Column(sa.DateTime)
    n = sa.Column(sa.Numeric(10, 2))
    books = relationship("Book", back_populates="author")


class Book(Base):
    __tablename__ = "sa_book"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.Text, index=True)
    author_id = sa.Column(sa.ForeignKey("sa_author.id"))
    author = relationship(Author, back_populates="books")


def reflect():
    look = sa.inspect(engine)
    assert {"cust", "ord"} <= set(look.get_table_names())
    assert look.get_view_names() == ["v"]
    columns = {c["name"]: c for c in look.get_columns("ord")}
    assert str(columns["note"]["type"]) == "VARCHAR(20)"
    assert columns["id"]["nullable"] is False
    assert look.get_pk_constraint("ord")["constrained_columns"] == ["id"]
    (key,) = look.get_foreign_keys("ord")
    assert key["referred_table"] == "cust" and key["options"] == {"ondelete": "CASCADE"}
    indexes = {i["name"]: i for i in look.get_indexes("ord")}
    assert indexes["ord_cust"]["column_sorting"] == {"qty": ("desc",)}
    assert look.get_unique_constraints("ord")[0]["column_names"] == ["note"]
    assert look.get_check_constraints("ord")[0]["sqltext"] == "qty > 0"
    metadata = sa.MetaData()
    metadata.reflect(engine)
    assert "ord" in metadata.tables


def work():
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        born = datetime.date(1970, 1, 2)
        moment = datetime.datetime(2024, 1, 2, 3, 4, 5, 60000)
        author = Author(name="Ann", born=born, ts=moment, n=decimal.Decimal("12.50"))
        author.books = [Book(title="One"), Book(title="Two")]
        session.add(author)
        session.commit()
        assert (author.id, author.born, author.ts, author.ok) == (1, born, moment, True)
        assert author.n == decimal.Decimal("12.50")
        found = session.query(Author).filter(Author.name.ilike("an%"), Author.ok.is_(True),
                                             Author.id.in_([1, 2, 3])).all()
        assert found == [author]
        author.name = "Anna"
        session.commit()
        rows = session.query(Book.title, Author.name).join(Author).order_by(Book.title.desc()).all()
        assert rows == [("Two", "Anna"), ("One", "Anna")]
        assert session.query(sa.func.count(Book.id), sa.func.max(Book.title)).one() == (2, "Two")
        session.delete(author.books[0])
        session.commit()
        assert session.query(Book).count() == 1
        try:
            session.add(Author(name=None))
            session.commit()
            raise AssertionError("NULL in a NOT NULL column")
        except sa.exc.IntegrityError as error:
            assert error.orig.pgcode == "23502"
            session.rollback()
    Base.metadata.drop_all(engine)


reflect()
work()
print("SQLAlchemy OK")
