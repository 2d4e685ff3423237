/**
 * A version's first load writes into a table of the attempt's own; the one that finishes names it as the version's. A worker of the
 * release before opens its publishes with the plain name: the trigger puts the version's own table in its place, and the worker takes
 * it from the row. It looks its schema up by the table it belongs to, so that a restore may rename the schema.
 */
export const firstLoads: readonly string[] = [
  `alter table view_versions add column online_table text`,
  `alter table view_versions add column attempt_tables text[] not null default '{}'`,
  `alter table publishes add column is_first_load boolean not null default false`,
  `create function table_of_version() returns trigger language plpgsql as $$
  declare named text;
  begin
    execute format('select online_table from %I.view_versions where view = $1 and version = $2', tg_table_schema)
      into named using new.view, new.version;
    new.table_name := coalesce(named, new.table_name);
    return new;
  end $$`,
  `create trigger publishes_table before insert on publishes for each row
    when (new.state = 'open' and not new.is_first_load) execute function table_of_version()`,
]
