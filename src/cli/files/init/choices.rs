//! What a generated stack is made of.

use clap::ValueEnum;

use crate::base::{Error, Kind, Result};

/// Kinds of applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stack {
    /// Apache with PHP.
    Lamp,
    /// nginx in front of PHP-FPM.
    Lemp,
    /// WordPress.
    Wordpress,
    /// A server in Node.js.
    Node,
    /// A site in Python with Django.
    Django,
}

/// Databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Database {
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
    /// PostgreSQL.
    Postgres,
    /// None.
    None,
}

/// Versions of PHP that are maintained.
pub const PHP_VERSIONS: [&str; 4] = ["8.4", "8.3", "8.2", "8.1"];

/// Everything that was chosen; fits together (see [`Choices::check`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// What it is.
    pub stack: Stack,
    /// Name of the project.
    pub name: String,
    /// One of [`PHP_VERSIONS`]; without meaning where there is no PHP.
    pub php: String,
    /// Names of further extensions of PHP.
    pub extensions: Vec<String>,
    /// Where data is.
    pub database: Database,
    /// A Redis beside it.
    pub redis: bool,
    /// A mail catcher beside it.
    pub mail: bool,
    /// A debugger for PHP.
    pub xdebug: bool,
    /// Where it can be reached on this machine.
    pub port: u16,
}

impl Stack {
    /// As in `lemp`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Stack::Lamp => "lamp",
            Stack::Lemp => "lemp",
            Stack::Wordpress => "wordpress",
            Stack::Node => "node",
            Stack::Django => "django",
        }
    }

    /// Whether it runs PHP.
    #[must_use]
    pub fn has_php(self) -> bool {
        matches!(self, Stack::Lamp | Stack::Lemp | Stack::Wordpress)
    }

    /// The database that most people take for it.
    #[must_use]
    pub fn usual_database(self) -> Database {
        match self {
            Stack::Lamp | Stack::Wordpress => Database::Mysql,
            Stack::Lemp => Database::Mariadb,
            Stack::Node | Stack::Django => Database::Postgres,
        }
    }
}

impl Database {
    /// As in `mysql`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Database::Mysql => "mysql",
            Database::Mariadb => "mariadb",
            Database::Postgres => "postgres",
            Database::None => "none",
        }
    }

    /// It speaks MySQL's protocol.
    #[must_use]
    pub fn is_mysql(self) -> bool {
        matches!(self, Database::Mysql | Database::Mariadb)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(self) -> u16 {
        if self == Database::Postgres { 5432 } else { 3306 }
    }
}

impl Choices {
    /// What most people take.
    #[must_use]
    pub fn usual(stack: Stack, name: &str) -> Choices {
        Choices {
            stack,
            name: name.to_owned(),
            php: PHP_VERSIONS[0].to_owned(),
            extensions: Vec::new(),
            database: stack.usual_database(),
            redis: false,
            mail: false,
            xdebug: false,
            port: 8080,
        }
    }

    /// Whether the parts fit together.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with what does not fit.
    pub fn check(&self) -> Result<()> {
        let wrong =
            |message: String, hint: String| Err(Error::new(Kind::Invalid, message).hint(hint));
        let word = self.stack.word();
        if self.stack == Stack::Wordpress && !self.database.is_mysql() {
            let message =
                format!("WordPress does not work with database `{}`", self.database.word());
            return wrong(message, "take `mysql` or `mariadb`".to_owned());
        }
        if !self.stack.has_php() && (self.xdebug || !self.extensions.is_empty()) {
            let message =
                format!("there is no PHP in `{word}` that could have extensions or Xdebug");
            return wrong(message, "leave out --xdebug and --extension".to_owned());
        }
        if !PHP_VERSIONS.contains(&self.php.as_str()) {
            let message = format!("unknown version {:?} of PHP", self.php);
            return wrong(message, format!("known are {}", PHP_VERSIONS.join(", ")));
        }
        match self.extensions.iter().find(|name| super::php::find(name).is_none()) {
            None => Ok(()),
            Some(name) => {
                let message = format!("unknown extension {name:?} of PHP");
                wrong(message, format!("known are {}", super::php::names().join(", ")))
            }
        }
    }
}
