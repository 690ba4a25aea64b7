create extension postgres_fdw;
create server s foreign data wrapper postgres_fdw options (host '127.0.0.1', port :'port', dbname 'x');
create user mapping for postgres server s options (user 'postgres', password 'x');
import foreign schema public limit to (cust, ord, v) from server s into public;
\d cust
\d ord
select * from cust order by id;
select name from cust where name like 'a%' order by id limit 2;
select count(*), sum(bal) from cust;
select c.name, o.qty from cust c join ord o on o.cust = c.id where o.qty > 2 order by 1,2;
insert into cust(id,name,bal,ts) values (100,'fdw',1.25,'2024-01-01 10:00');
update cust set bal = bal+1 where id = 100;
update cust set name = name || random()::int::text || 'z' where id = 100;
select id, bal, ts, right(name,1) from cust where id = 100;
delete from cust where id = 100;
begin; insert into cust(id,name) values (101,'x') returning id, bal; savepoint a; delete from cust where id = 101; rollback to a; select count(*) from cust where id=101; rollback;
select count(*) from cust where id=101;
insert into cust(id,name) select 1000+g,'n'||g from generate_series(1,3) g;
delete from cust where id > 1000 and upper(name) ~ 'N';
select count(*) from cust where id > 1000;
analyze cust;
select * from cust where id in (1,2,10) order by 1;
select id from cust order by id for update;
select c1.id from cust c1 left join ord o on (o.cust=c1.id) where upper(c1.name)='ALICE' and c1.bal between 1 and 2 order by c1.name desc nulls last, c1.id limit 3 offset 1;
select * from v order by 1;
copy ord(id, cust, qty) from stdin;
500	1	7
501	2	8
\.
select id, qty from ord where id >= 500 order by id;
truncate ord;
select count(*) from ord;
