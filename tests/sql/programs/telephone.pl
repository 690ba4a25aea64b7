# A telephone book, through Perl's DBI and DBD::SQLite: transactions, functions and collations of its
# own, full-text search, hooks, two connections at once. Prints what it sees.
#
#     perl telephone.pl DATABASE

use strict;
use warnings;
use DBI;

my $path  = shift;
my %how   = (RaiseError => 1, PrintError => 0, AutoCommit => 1, sqlite_unicode => 1);
my $book  = DBI->connect("dbi:SQLite:dbname=$path", "", "", \%how);
my $other = DBI->connect("dbi:SQLite:dbname=$path", "", "", \%how);
binmode STDOUT, ":utf8";

sub show {
    for my $row (@_) {
        print join("|", map { defined $_ ? $_ : "NULL" } @$row), "\n";
    }
}

$book->do("PRAGMA journal_mode = wal");
$book->do("CREATE TABLE person(name TEXT, town TEXT, number TEXT, PRIMARY KEY(name, town)) WITHOUT ROWID");
$book->do("CREATE VIRTUAL TABLE notes USING fts5(person, note)");
$book->do("CREATE TABLE log(what TEXT)");
$book->do("CREATE TRIGGER moved AFTER UPDATE OF town ON person
           BEGIN INSERT INTO log VALUES(old.name || ': ' || old.town || ' to ' || new.town); END");

my @towns = ("Graz", "Bern", "\x{d6}rebro", "Lyon");
$book->begin_work;
my $add = $book->prepare("INSERT INTO person VALUES(?, ?, ?)");
my $note = $book->prepare("INSERT INTO notes VALUES(?, ?)");
for my $i (0 .. 1499) {
    my $name = sprintf("name%04d", $i * 7919 % 1500);
    $add->execute($name, $towns[$i % 4], "0" . $i * 31);
    $note->execute($name, "calls on " . ("monday", "tuesday", "friday")[$i % 3] . " about $i");
}
print "seen by the other before: ", $other->selectrow_array("SELECT count(*) FROM person"), "\n";
$book->commit;
print "and after: ", $other->selectrow_array("SELECT count(*) FROM person"), "\n";

$book->sqlite_create_function("digits", 1, sub { my $n = shift; $n =~ tr/0-9//cd; length $n });
$book->sqlite_create_collation("by_length", sub { length($_[0]) <=> length($_[1]) || $_[0] cmp $_[1] });
show(@{ $book->selectall_arrayref("SELECT town, count(*), max(digits(number)) FROM person GROUP BY town ORDER BY town") });
show(@{ $book->selectall_arrayref("SELECT number FROM person ORDER BY number COLLATE by_length LIMIT 4") });
show(@{ $book->selectall_arrayref("SELECT person FROM notes WHERE notes MATCH 'friday AND about' ORDER BY person LIMIT 3") });
show(@{ $book->selectall_arrayref("SELECT * FROM person WHERE name > ? AND name < ? ORDER BY name DESC", {}, "name0010", "name0014") });

print "moved: ", $book->do("UPDATE person SET town = 'Oslo' WHERE name LIKE 'name000%' AND town = 'Bern'"), "\n";
show(@{ $book->selectall_arrayref("SELECT what FROM log ORDER BY what") });
eval { $book->do("INSERT INTO person VALUES('name0001', 'Oslo', 1), ('name0001', 'Oslo', 2)") };
print "error: ", $book->err, " ", $book->errstr, "\n";

$other->sqlite_busy_timeout(10);
$book->do("BEGIN IMMEDIATE");
eval { $other->do("DELETE FROM log") };
print "busy: ", $other->err, " ", $other->errstr, "\n";
$book->do("ROLLBACK");
print "deleted: ", $other->do("DELETE FROM log"), "\n";

print "left: ", $book->do("DELETE FROM person WHERE town = ?", {}, $towns[2]), " gone, ",
    $book->selectrow_array("SELECT count(*) FROM person"), " there\n";
$book->sqlite_backup_to_file("$path.copy");
my $copy = DBI->connect("dbi:SQLite:dbname=$path.copy", "", "", \%how);
show($copy->selectall_arrayref("SELECT count(*), min(name), max(name) FROM person")->[0]);
show(@{ $book->selectall_arrayref("PRAGMA integrity_check") });
