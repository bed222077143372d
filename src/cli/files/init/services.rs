//! The compose file of a generated stack.

use std::fmt::Write as _;

use super::choices::{Choices, Database, Stack};

/// The compose file.
#[must_use]
pub fn compose_file(choices: &Choices) -> String {
    let mut text = format!(
        "# {}, made by `compose init`: change it as you like. Passwords are in .env.\nname: {}\n\nservices:\n",
        title(choices.stack),
        choices.name
    );
    text += &application(choices);
    text += &database(choices);
    if choices.redis {
        text += "\n  redis:\n    image: redis:8\n    restart: unless-stopped\n    volumes:\n      \
                 - redis:/data\n    healthcheck:\n      test: [CMD, redis-cli, ping]\n      \
                 interval: 5s\n";
    }
    if choices.mail {
        text += "\n  # Catches all mail; http://127.0.0.1:8025 shows it.\n  mail:\n    \
                 image: axllent/mailpit:v1.27\n    restart: unless-stopped\n    ports:\n      \
                 - \"127.0.0.1:${MAIL_PORT:-8025}:8025\"\n";
    }
    text += &volumes(choices);
    text
}

fn title(stack: Stack) -> &'static str {
    match stack {
        Stack::Lamp => "Apache and PHP",
        Stack::Lemp => "nginx and PHP",
        Stack::Wordpress => "WordPress",
        Stack::Node => "Node.js",
        Stack::Django => "Django",
    }
}

/// The service that is reached from outside, and PHP behind nginx.
fn application(choices: &Choices) -> String {
    let mut text = String::new();
    let port = choices.port;
    let ports =
        |inside: u16| format!("    ports:\n      - \"127.0.0.1:${{WEB_PORT:-{port}}}:{inside}\"\n");
    let build = |recipe: &str| {
        format!(
            "    build:\n      context: .\n      dockerfile: {recipe}\n    restart: unless-stopped\n"
        )
    };
    match choices.stack {
        Stack::Lamp => {
            text += &format!("  web:\n{}{}", build("docker/php/Dockerfile"), ports(80));
            text += "    volumes:\n      - .:/app\n";
            text += &surroundings(choices);
        }
        Stack::Lemp => {
            text += "  web:\n    image: nginx:1.29\n    restart: unless-stopped\n";
            text += &ports(80);
            text += "    volumes:\n      - ./public:/app/public:ro\n      \
                     - ./docker/nginx/default.conf:/etc/nginx/conf.d/default.conf:ro\n    \
                     depends_on:\n      - php\n\n";
            text += &format!(
                "  php:\n{}    volumes:\n      - .:/app\n",
                build("docker/php/Dockerfile")
            );
            text += &surroundings(choices);
        }
        Stack::Wordpress => {
            text += &format!("  web:\n{}{}", build("docker/php/Dockerfile"), ports(80));
            text += "    volumes:\n      - wordpress:/var/www/html\n      \
                     - ./themes:/var/www/html/wp-content/themes/own\n      \
                     - ./plugins:/var/www/html/wp-content/plugins/own\n";
            text += &surroundings(choices);
        }
        Stack::Node => {
            text += &format!("  web:\n{}    init: true\n{}", build("Dockerfile"), ports(3000));
            text += &surroundings(choices);
            text += "    # `compose watch` brings changes into the container.\n    develop:\n      \
                     watch:\n        - path: src\n          action: sync+restart\n          \
                     target: /app/src\n        - path: package.json\n          action: rebuild\n";
        }
        Stack::Django => {
            text += &format!("  web:\n{}{}", build("Dockerfile"), ports(8000));
            text += &surroundings(choices);
            text += "    # `compose watch` brings changes into the container.\n    develop:\n      \
                     watch:\n        - path: pages\n          action: sync\n          \
                     target: /app/pages\n        - path: requirements.txt\n          action: rebuild\n";
        }
    }
    text
}

/// What the application is told, and what it waits for.
fn surroundings(choices: &Choices) -> String {
    let mut variables: Vec<(&str, String)> = Vec::new();
    let password = "${DB_PASSWORD:?is in .env}".to_owned();
    let database = choices.database;
    match (choices.stack, database) {
        (_, Database::None) => {}
        (Stack::Wordpress, _) => variables.extend([
            ("WORDPRESS_DB_HOST", "db".to_owned()),
            ("WORDPRESS_DB_NAME", "app".to_owned()),
            ("WORDPRESS_DB_USER", "app".to_owned()),
            ("WORDPRESS_DB_PASSWORD", password),
        ]),
        _ => variables.extend([
            ("DB_DRIVER", if database.is_mysql() { "mysql" } else { "pgsql" }.to_owned()),
            ("DB_HOST", "db".to_owned()),
            ("DB_PORT", format!("\"{}\"", database.port())),
            ("DB_NAME", "app".to_owned()),
            ("DB_USER", "app".to_owned()),
            ("DB_PASSWORD", password),
        ]),
    }
    if choices.redis {
        variables.push(("REDIS_URL", "redis://redis:6379".to_owned()));
    }
    if choices.mail {
        variables.extend([("MAIL_HOST", "mail".to_owned()), ("MAIL_PORT", "\"1025\"".to_owned())]);
    }
    if choices.stack == Stack::Django {
        variables.push(("SECRET_KEY", "${SECRET_KEY:?is in .env}".to_owned()));
    }
    let mut text = String::new();
    if !variables.is_empty() {
        text += "    environment:\n";
    }
    for (name, value) in variables {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "      {name}: {value}");
    }
    if choices.xdebug {
        text += "    extra_hosts:\n      - \"host.docker.internal:host-gateway\"\n";
    }
    text + &needs(choices)
}

fn needs(choices: &Choices) -> String {
    let healthy = |name: &str| format!("      {name}:\n        condition: service_healthy\n");
    let mut text = String::new();
    if choices.database != Database::None {
        text += &healthy("db");
    }
    if choices.redis {
        text += &healthy("redis");
    }
    match text.is_empty() {
        true => text,
        false => format!("    depends_on:\n{text}"),
    }
}

fn database(choices: &Choices) -> String {
    let (image, prefix, data, probe) = match choices.database {
        Database::None => return String::new(),
        Database::Mysql => (
            "mysql:8.4",
            "MYSQL",
            "/var/lib/mysql",
            "mysqladmin ping -h 127.0.0.1 -u app -p\"$$MYSQL_PASSWORD\"",
        ),
        Database::Mariadb => (
            "mariadb:11.8",
            "MARIADB",
            "/var/lib/mysql",
            "healthcheck.sh --connect --innodb_initialized",
        ),
        Database::Postgres => {
            ("postgres:17", "POSTGRES", "/var/lib/postgresql/data", "pg_isready -U app -d app")
        }
    };
    let database = if prefix == "POSTGRES" { "DB" } else { "DATABASE" };
    let mut text = format!(
        "\n  db:\n    image: {image}\n    restart: unless-stopped\n    environment:\n      \
         {prefix}_{database}: app\n      {prefix}_USER: app\n      \
         {prefix}_PASSWORD: ${{DB_PASSWORD:?is in .env}}\n"
    );
    if prefix != "POSTGRES" {
        text += &format!("      {prefix}_ROOT_PASSWORD: ${{DB_ROOT_PASSWORD:?is in .env}}\n");
    }
    let probe = probe.replace('"', "\\\"");
    text + &format!(
        "    volumes:\n      - db:{data}\n    healthcheck:\n      test: [CMD-SHELL, \"{probe}\"]\n      \
         interval: 5s\n      timeout: 5s\n      retries: 24\n      start_period: 60s\n"
    )
}

fn volumes(choices: &Choices) -> String {
    let mut names = Vec::new();
    if choices.database != Database::None {
        names.push("db");
    }
    if choices.redis {
        names.push("redis");
    }
    if choices.stack == Stack::Wordpress {
        names.push("wordpress");
    }
    match names.is_empty() {
        true => String::new(),
        false => {
            let lines: String = names.iter().map(|name| format!("  {name}:\n")).collect();
            format!("\nvolumes:\n{lines}")
        }
    }
}
