//! Images of PHP: which extensions there are, and what they need.

use std::collections::BTreeSet;

use super::choices::{Choices, Database, Stack};

/// An extension of PHP.
#[derive(Debug)]
pub struct Extension {
    /// As in `gd`.
    pub name: &'static str,
    /// Debian packages it is built with.
    packages: &'static [&'static str],
    /// Options of `docker-php-ext-configure`.
    configure: &'static str,
    /// From pecl.php.net; else it is part of PHP.
    pecl: bool,
}

const fn part(name: &'static str, packages: &'static [&'static str]) -> Extension {
    Extension { name, packages, configure: "", pecl: false }
}

const fn pecl(name: &'static str, packages: &'static [&'static str]) -> Extension {
    Extension { name, packages, configure: "", pecl: true }
}

const EXTENSIONS: [Extension; 23] = [
    pecl("apcu", &[]),
    part("bcmath", &[]),
    part("calendar", &[]),
    part("exif", &[]),
    Extension {
        name: "gd",
        packages: &["libfreetype6-dev", "libjpeg62-turbo-dev", "libpng-dev", "libwebp-dev"],
        configure: "--with-freetype --with-jpeg --with-webp",
        pecl: false,
    },
    part("gettext", &[]),
    part("gmp", &["libgmp-dev"]),
    pecl("imagick", &["libmagickwand-dev"]),
    part("intl", &["libicu-dev"]),
    part("mysqli", &[]),
    part("opcache", &[]),
    part("pcntl", &[]),
    part("pdo_mysql", &[]),
    part("pdo_pgsql", &["libpq-dev"]),
    part("pgsql", &["libpq-dev"]),
    pecl("redis", &[]),
    part("soap", &["libxml2-dev"]),
    part("sockets", &[]),
    part("tidy", &["libtidy-dev"]),
    pecl("xdebug", &[]),
    part("xsl", &["libxslt1-dev"]),
    pecl("yaml", &["libyaml-dev"]),
    part("zip", &["libzip-dev"]),
];

/// The extension with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Extension> {
    EXTENSIONS.iter().find(|extension| extension.name == name)
}

/// Names of all extensions.
#[must_use]
pub fn names() -> Vec<&'static str> {
    EXTENSIONS.iter().map(|extension| extension.name).collect()
}

/// Extensions that the choices come to, by name.
#[must_use]
pub fn extensions(choices: &Choices) -> Vec<&'static Extension> {
    let mut names: BTreeSet<&str> = choices.extensions.iter().map(String::as_str).collect();
    if choices.stack != Stack::Wordpress {
        // WordPress's image has its own.
        names.insert("opcache");
        match choices.database {
            Database::Mysql | Database::Mariadb => names.extend(["mysqli", "pdo_mysql"]),
            Database::Postgres => names.extend(["pdo_pgsql", "pgsql"]),
            Database::None => {}
        }
    }
    if choices.redis {
        names.insert("redis");
    }
    if choices.xdebug {
        names.insert("xdebug");
    }
    names.into_iter().filter_map(find).collect()
}

/// The Dockerfile of a service that runs PHP.
#[must_use]
pub fn dockerfile(choices: &Choices) -> String {
    let php = &choices.php;
    let from = match choices.stack {
        Stack::Lamp => format!("php:{php}-apache"),
        Stack::Wordpress => format!("wordpress:6.8-php{php}-apache"),
        _ => format!("php:{php}-fpm"),
    };
    let all = extensions(choices);
    let packages: BTreeSet<&str> = all.iter().flat_map(|it| it.packages).copied().collect();
    let of = |pecl: bool| -> Vec<&str> {
        all.iter().filter(|it| it.pecl == pecl).map(|it| it.name).collect()
    };
    let mut text = format!("FROM {from}\n");
    if !packages.is_empty() {
        let packages: Vec<&str> = packages.into_iter().collect();
        text += &format!(
            "\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends {} \\\n \
             && rm -rf /var/lib/apt/lists/*\n",
            packages.join(" ")
        );
    }
    for extension in all.iter().filter(|it| !it.configure.is_empty()) {
        text +=
            &format!("\nRUN docker-php-ext-configure {} {}\n", extension.name, extension.configure);
    }
    if !of(false).is_empty() {
        text += &format!("\nRUN docker-php-ext-install -j\"$(nproc)\" {}\n", of(false).join(" "));
    }
    if !of(true).is_empty() {
        let names = of(true).join(" ");
        text += &format!("\nRUN pecl install {names} && docker-php-ext-enable {names}\n");
    }
    if choices.stack == Stack::Lamp {
        text += "\nRUN a2enmod rewrite \\\n \
                 && sed -i 's#/var/www/html#/app/public#' /etc/apache2/sites-available/000-default.conf \\\n \
                 && sed -i 's#<Directory /var/www/>#<Directory /app/public>#' /etc/apache2/apache2.conf\n";
    }
    text += "\nCOPY docker/php/php.ini /usr/local/etc/php/conf.d/app.ini\n";
    if choices.stack != Stack::Wordpress {
        text += "\nWORKDIR /app\nCOPY . .\n";
    }
    text
}

/// Settings of PHP.
#[must_use]
pub fn ini(choices: &Choices) -> String {
    let mut text =
        "memory_limit = 256M\nupload_max_filesize = 32M\npost_max_size = 32M\n".to_owned();
    if choices.xdebug {
        // The gateway of the container's network is this machine, where the editor listens.
        text += "xdebug.mode = debug,develop\nxdebug.start_with_request = trigger\n\
                 xdebug.client_host = host.docker.internal\nxdebug.client_port = 9003\n";
    }
    text
}
