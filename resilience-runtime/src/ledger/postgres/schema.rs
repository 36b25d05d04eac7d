//! The tables: made where they are missing, and never used where they are not ours or not known.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::fault::Fault;
use super::pool::{Pool, Statement};
use super::url::Options;
use crate::ledger::table::{POSTGRES_SCHEMA, VERSION};
use crate::time;

const VERSIONS: &str = "resilience_schema";
/// All that they make.
const PARTS: [&str; 4] = [VERSIONS, "resilience_record", "resilience_fence", "resilience_quota"];
/// Others may be making them at this moment.
const TRIES: u64 = 12;

/// The schema with the tables, quoted as statements name it. Makes the tables if they are missing.
pub(super) async fn prepare(pool: &Pool, options: &Options) -> Result<String, Fault> {
    check_encoding(pool).await.map_err(Fault::without_quotes)?;
    let schema = match &options.schema {
        Some(name) => Schema { shown: "the schema that the URL names".to_owned(), name: name.clone() },
        None => {
            let name = usual_schema(pool).await.map_err(Fault::without_quotes)?;
            Schema { shown: format!("the schema `{name}`"), name }
        }
    };
    with_tables(pool, &schema, options.create).await.map_err(Fault::without_quotes)
}

/// Where the tables are.
struct Schema {
    name: String,
    /// In a message, which repeats nothing of the URL.
    shown: String,
}

async fn with_tables(pool: &Pool, schema: &Schema, create: bool) -> Result<String, Fault> {
    let Schema { name, shown } = schema;
    let mut attempt = 1;
    loop {
        let found = look(pool, name).await?;
        let why = match found.len() {
            0 if !create => return Err(missing(shown)),
            0 => match make(pool, name).await {
                Ok(()) => Fault::new(format!("its tables in {shown} are gone again")),
                Err(fault) if fault.state() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                    return Err(may_not_make(shown));
                }
                // Somebody else makes them too, and was faster.
                Err(fault) => fault,
            },
            count if count == PARTS.len() => {
                usable(shown, &found)?;
                version(pool, schema).await?;
                return Ok(quoted(name));
            }
            // Where DDL is not in one piece, they appear one by one.
            _ => half(shown, &found),
        };
        if attempt == TRIES {
            return Err(why);
        }
        time::pause(Duration::from_millis(fastrand::u64(5..15) * attempt)).await;
        attempt += 1;
    }
}

/// What people read is text, and holds every character.
async fn check_encoding(pool: &Pool) -> Result<(), Fault> {
    let asked = Statement { sql: "SELECT current_setting('server_encoding')".to_owned(), types: &[] };
    let encoding: String = pool.first(&asked, &[]).await?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(Fault::new(format!(
        "the database is encoded in {encoding}, and its tables must hold every key: expected UTF8"
    )))
}

/// The first of the search path that has the tables, or the first one of all.
async fn usual_schema(pool: &Pool) -> Result<String, Fault> {
    let sql = "SELECT coalesce((SELECT n.nspname::text FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relname = 'resilience_schema' AND n.nspname = ANY (current_schemas(false)) \
               ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1), current_schema()::text)";
    let schema: Option<String> = pool.first(&Statement { sql: sql.to_owned(), types: &[] }, &[]).await?;
    schema.ok_or_else(|| Fault::new("no schema in the search path: name one, `schema=NAME`".to_owned()))
}

/// A table or a sequence with a name of ours.
struct Part {
    name: String,
    owner: String,
    usable: bool,
}

async fn look(pool: &Pool, schema: &str) -> Result<Vec<Part>, Fault> {
    let names = PARTS.map(|name| format!("'{name}'")).join(", ");
    let sql = format!(
        "SELECT c.relname::text, pg_get_userbyid(c.relowner)::text, has_schema_privilege(n.oid, 'USAGE') AND CASE \
         WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'USAGE') \
         WHEN c.relname = '{VERSIONS}' THEN has_table_privilege(c.oid, 'SELECT') \
         ELSE has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') \
         AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE') END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname IN ({names})"
    );
    let rows = pool.ask(&Statement { sql, types: &[Type::TEXT] }, &[&schema]).await?;
    rows.iter().map(Part::read).collect()
}

impl Part {
    fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self { name: row.try_get(0)?, owner: row.try_get(1)?, usable: row.try_get(2)? })
    }
}

fn usable(shown: &str, parts: &[Part]) -> Result<(), Fault> {
    let Some(part) = parts.iter().find(|part| !part.usable) else { return Ok(()) };
    let Part { name, owner, .. } = part;
    Err(Fault::new(format!(
        "`{name}` in {shown} belongs to `{owner}`, and this user may not use it: grant USAGE on the schema \
         and on the sequence resilience_fence, SELECT on resilience_schema, and SELECT, INSERT, UPDATE and DELETE on \
         the other tables; or name another schema, `schema=NAME`"
    )))
}

fn half(shown: &str, parts: &[Part]) -> Fault {
    let part = &parts[0];
    Fault::new(format!(
        "in {shown} there is a `{}`, of `{}`, but not all that belongs to it ({}): it was not made by this \
         library, or was cut in half; name another schema, `schema=NAME`",
        part.name,
        part.owner,
        PARTS.join(", ")
    ))
}

fn missing(shown: &str) -> Fault {
    Fault::new(format!(
        "{shown} has no tables for it, and `create=never` forbids to make them: run the statements of \
         `resilience::ledger::POSTGRES_SCHEMA` there"
    ))
}

fn may_not_make(shown: &str) -> Fault {
    Fault::new(format!(
        "its tables cannot be made in {shown}, permission denied (42501): this user needs CREATE on the schema, or on the \
         database if there is no such schema. Let somebody who may run the statements of \
         `resilience::ledger::POSTGRES_SCHEMA`, or name another schema, `schema=NAME`"
    ))
}

async fn version(pool: &Pool, schema: &Schema) -> Result<(), Fault> {
    let Schema { name, shown } = schema;
    let sql = format!("SELECT version FROM {}.{VERSIONS}", quoted(name));
    let found: i64 = pool.first(&Statement { sql, types: &[] }, &[]).await?;
    if found == VERSION {
        return Ok(());
    }
    Err(Fault::new(format!(
        "its tables in {shown} are of version {found}, and this library knows version {VERSION}: a newer \
         library made them, and this one leaves them alone; update it, or name another schema, `schema=NAME`"
    )))
}

/// All or nothing, where the server has DDL in transactions.
async fn make(pool: &Pool, schema: &str) -> Result<(), Fault> {
    let name = quoted(schema);
    let there = Statement {
        sql: "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)".to_owned(),
        types: &[Type::TEXT],
    };
    let there: bool = pool.first(&there, &[&schema]).await?;
    // Asked for where it exists, it would still need the right to make one.
    let first = if there { String::new() } else { format!("CREATE SCHEMA IF NOT EXISTS {name};") };
    let path = format!("SET LOCAL search_path TO {name};");
    pool.script(&format!("BEGIN; {first} {path} {POSTGRES_SCHEMA} COMMIT;")).await?;
    // Room for updates beside the row, and the dead ones gone soon. Servers of other kinds do not know it.
    let tuned = "SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02)";
    let _ = pool.script(&format!("ALTER TABLE {name}.resilience_record {tuned}")).await;
    Ok(())
}

/// A name as statements have it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
