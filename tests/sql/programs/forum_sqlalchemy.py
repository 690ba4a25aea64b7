"""A forum, through SQLAlchemy's ORM and core: threads with connections of their own, savepoints,
reflection. Prints what it sees.

    python3 forum_sqlalchemy.py DATABASE
"""

import sys
import threading

from sqlalchemy import (Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String,
                        create_engine, event, exc, func, inspect, select, text)
from sqlalchemy.orm import declarative_base, relationship, selectinload, sessionmaker

Base = declarative_base()


class Author(Base):
    __tablename__ = "author"
    id = Column(Integer, primary_key=True)
    name = Column(String(30), unique=True, nullable=False)
    posts = relationship("Post", back_populates="author", cascade="all, delete-orphan")


class Post(Base):
    __tablename__ = "post"
    id = Column(Integer, primary_key=True)
    author_id = Column(ForeignKey("author.id"), nullable=False)
    parent_id = Column(ForeignKey("post.id"))
    title = Column(String(80))
    body = Column(LargeBinary)
    author = relationship("Author", back_populates="posts")
    __table_args__ = (Index("post_title", "author_id", "title"),)


engine = create_engine(f"sqlite:///{sys.argv[1]}", connect_args={"timeout": 30})


@event.listens_for(engine, "connect")
def set_up(connection, _):
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA foreign_keys = on")


Base.metadata.create_all(engine)
Session = sessionmaker(engine)

with Session.begin() as session:
    for i in range(20):
        session.add(Author(name=f"author {i}", posts=[
            Post(title=f"title {j * 37 % 100:03}", body=bytes([i, j]) * j) for j in range(100)]))
    session.flush()
    first = session.scalars(select(Post).order_by(Post.id)).first()
    for post in session.scalars(select(Post).where(Post.id % 10 == 0)):
        post.parent_id = first.id

with Session() as session:
    print(session.execute(select(func.count(), func.sum(func.length(Post.body)))
                          .select_from(Post)).one())
    chosen = session.scalars(select(Author).options(selectinload(Author.posts))
                             .where(Author.name.in_(["author 3", "author 17"]))
                             .order_by(Author.name)).all()
    print([(author.name, len(author.posts), author.posts[5].title) for author in chosen])
    tree = select(Post.id, Post.parent_id).where(Post.id == 1).cte("tree", recursive=True)
    tree = tree.union_all(select(Post.id, Post.parent_id).where(
        Post.parent_id == tree.c.id, Post.id != 1))
    print(session.scalar(select(func.count()).select_from(tree)))

with Session.begin() as session:
    session.add(Author(name="kept"))
    try:
        with session.begin_nested():
            session.add(Author(name="kept"))
    except exc.IntegrityError as error:
        print("refused:", error.orig)
    session.delete(session.scalars(select(Author).where(Author.name == "author 7")).one())


def write(worker):
    for i in range(25):
        with Session.begin() as session:
            session.execute(text("INSERT INTO post(author_id, title) VALUES(1, :title)"),
                            {"title": f"by thread {worker}, {i}"})


threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

with Session() as session:
    print(session.execute(select(func.count()).where(Post.title.like("by thread%"))).scalar())
    print(session.execute(select(func.count()).select_from(Author)).scalar(),
          session.execute(select(func.count()).select_from(Post)).scalar())

reflected = MetaData()
reflected.reflect(engine)
print(sorted((table.name, sorted(column.name for column in table.columns))
             for table in reflected.sorted_tables))
print(inspect(engine).get_indexes("post"), inspect(engine).get_foreign_keys("post"))
with engine.connect() as connection:
    print(connection.execute(text("PRAGMA integrity_check")).scalar())
