<?php
// A lending library, through PHP's SQLite3 and PDO: prepared statements, functions and collations of
// its own, blobs, a backup, errors. Prints what it sees.
//
//     php library.php DATABASE

$path = $argv[1];
$db = new SQLite3($path);
$db->enableExceptions(true);
$db->busyTimeout(5000);
$db->exec('PRAGMA journal_mode = wal');
$db->exec('PRAGMA foreign_keys = on');
$db->exec('CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE)');
$db->exec('CREATE TABLE book(id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES author(id),
                             title TEXT NOT NULL, year INTEGER, price REAL, cover BLOB)');
$db->exec('CREATE INDEX book_of_author ON book(author, year DESC)');

$db->exec('BEGIN IMMEDIATE');
$author = $db->prepare('INSERT INTO author(name) VALUES(:name)');
foreach (['Woolf', 'Borges', 'Lem', 'Calvino'] as $name) {
    $author->bindValue(':name', $name, SQLITE3_TEXT);
    $author->execute();
    $author->reset();
}
$book = $db->prepare('INSERT INTO book(author, title, year, price, cover) VALUES(?, ?, ?, ?, ?)');
for ($i = 0; $i < 2000; ++$i) {
    $book->bindValue(1, $i % 4 + 1, SQLITE3_INTEGER);
    $book->bindValue(2, "Volume $i");
    $book->bindValue(3, $i % 7 ? 1900 + $i % 97 : null, $i % 7 ? SQLITE3_INTEGER : SQLITE3_NULL);
    $book->bindValue(4, $i / 8);
    $book->bindValue(5, str_repeat(chr($i % 256), $i % 50), SQLITE3_BLOB);
    $book->execute();
    $book->reset();
}
$db->exec('COMMIT');

$db->createFunction('backwards', 'strrev', 1);
$db->createAggregate('spread', function ($context, $row, $value) {
    $context = $context ?? [$value, $value];
    return [min($context[0], $value), max($context[1], $value)];
}, fn($context, $rows) => $context ? "$context[0]-$context[1]" : null);
$db->createCollation('by_number', 'strnatcmp');

$ask = function (string $sql) use ($db) {
    $result = $db->query($sql);
    while ($row = $result->fetchArray(SQLITE3_NUM)) {
        echo json_encode($row), "\n";
    }
};
$ask('SELECT backwards(name), count(*), spread(coalesce(year, 1950)), total(price) FROM author JOIN book
      ON book.author = author.id GROUP BY author.id ORDER BY name');
$ask('SELECT title FROM book WHERE author = 2 ORDER BY title COLLATE by_number LIMIT 5 OFFSET 3');
$ask("SELECT id, typeof(year), length(cover), hex(cover) FROM book WHERE title = 'Volume 14'");
$ask('SELECT count(*), count(year), avg(price) FROM book WHERE year BETWEEN 1910 AND 1920');

foreach (["INSERT INTO author(name) VALUES('WOOLF')", 'INSERT INTO book(author, title) VALUES(9, 1)',
          'INSERT INTO book(author) VALUES(1)', 'SELECT nothing FROM nowhere'] as $wrong) {
    try {
        $db->exec($wrong);
        echo "no error\n";
    } catch (Exception $error) {
        echo $error->getMessage(), ' ', $db->lastExtendedErrorCode(), "\n";
    }
}

$blob = $db->openBlob('book', 'cover', 50, 'main', SQLITE3_OPEN_READWRITE);
fwrite($blob, 'new');
fseek($blob, 0);
echo bin2hex(stream_get_contents($blob)), "\n";
fclose($blob);

$copy = new SQLite3("$path.copy");
$db->backup($copy);
echo $copy->querySingle('SELECT count(*) || sum(length(cover)) FROM book'), "\n";
$copy->close();
$db->close();

$pdo = new PDO("sqlite:$path", null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$pdo->beginTransaction();
$changed = $pdo->prepare('UPDATE book SET price = price * 2 WHERE year > ?');
$changed->execute([1990]);
echo $changed->rowCount(), "\n";
$pdo->rollBack();
echo $pdo->query('SELECT sum(price) FROM book')->fetchColumn(), "\n";
$pdo->exec('DELETE FROM book WHERE id % 2');
$pdo->exec('VACUUM');
echo json_encode($pdo->query('PRAGMA integrity_check')->fetchAll(PDO::FETCH_COLUMN)), "\n";
echo json_encode($pdo->query('SELECT id, title FROM book ORDER BY id DESC LIMIT 2')
                     ->fetchAll(PDO::FETCH_ASSOC)), "\n";
