//! What a server says of a failure, as far as it repeats nothing that it was given: a key or a result is in no message.

/// The words of a PostgreSQL server, with their SQLSTATE.
#[cfg(any(test, feature = "postgres", feature = "sqlx-postgres"))]
pub(crate) fn by_postgres(code: &str, message: &str) -> String {
    if is_about_itself(code) {
        format!("{message} ({code})")
    } else {
        format!(
            "the server refuses what it is given ({code}); its words may hold a key, and stand in its own log"
        )
    }
}

/// Whether a message of this SQLSTATE is about the server, a connection, a transaction, a right or a table, by appendix A of
/// the manual. The others are about values: they quote them, as a trigger or a rule of the user's does.
#[cfg(any(test, feature = "postgres", feature = "sqlx-postgres"))]
fn is_about_itself(code: &str) -> bool {
    const CLASSES: [&str; 16] =
        ["08", "0A", "25", "26", "28", "3B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX"];
    const SYNTAX_ERROR: &str = "42601"; // which quotes the statement
    code != SYNTAX_ERROR && code.get(..2).is_some_and(|class| CLASSES.contains(&class))
}

/// The words of a Redis server. Of a command that it does not know it repeats the arguments.
#[cfg(any(test, feature = "redis"))]
pub(crate) fn by_redis(message: &str) -> &str {
    message.split_once(", with args").map_or(message, |(words, _)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_values_is_not_repeated() {
        assert_eq!(by_postgres("53100", "No space left on device"), "No space left on device (53100)");
        for code in ["22P02", "23514", "P0001", "42601", "U0001", "", "2"] {
            let said = by_postgres(code, "invalid input syntax for type bigint: \"s3cr3t\"");
            assert!(!said.contains("s3cr3t") && said.contains(&format!("({code})")), "{said}");
        }
    }

    #[test]
    fn the_arguments_of_an_unknown_command_are_not_repeated() {
        let said = "An error was signalled by the server - ResponseError: unknown command 'EVALSHA', with args beginning with: \
                    'e4' '1' 's3cr3t'";
        let told = "An error was signalled by the server - ResponseError: unknown command 'EVALSHA'";
        assert_eq!(by_redis(said), told);
        assert_eq!(by_redis("NOAUTH Authentication required."), "NOAUTH Authentication required.");
    }
}
