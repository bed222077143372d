//! `init`: what it writes is without a flaw, whatever is chosen.

use crate::machine::Machine;

/// Every combination of a kind of application with what it may be made of.
fn combinations() -> Vec<String> {
    let mut lines = Vec::new();
    for stack in ["lamp", "lemp", "wordpress", "node", "django"] {
        let php = ["lamp", "lemp", "wordpress"].contains(&stack);
        let versions: &[&str] = if php { &["8.4", "8.3", "8.2", "8.1"] } else { &[""] };
        let databases: &[&str] = match stack {
            "wordpress" => &["mysql", "mariadb"],
            _ => &["mysql", "mariadb", "postgres", "none"],
        };
        for version in versions {
            for database in databases {
                for extras in 0..8 {
                    if extras & 4 != 0 && !php {
                        continue;
                    }
                    let mut line = format!("init {stack} -y --force --database {database}");
                    if !version.is_empty() {
                        line += &format!(" --php {version}");
                    }
                    let flags =
                        [" --redis", " --mail", " --xdebug --extension gd,intl,zip,imagick"];
                    for (bit, flag) in flags.iter().enumerate() {
                        line += if (extras >> bit) & 1 == 1 { flag } else { "" };
                    }
                    lines.push(line);
                }
            }
        }
    }
    lines
}

#[test]
fn every_combination_passes_lint() {
    let all = combinations();
    assert!(all.len() > 300, "{}", all.len());
    let machine = Machine::empty();
    for line in all {
        machine.run(&line);
        let ran = machine.run("lint --strict");
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""), "{line}");
    }
}

#[test]
fn what_is_written_has_our_own_layout() {
    let machine = Machine::empty();
    for stack in ["lamp", "lemp", "wordpress", "node", "django"] {
        machine.run(&format!("init {stack} -y --force --redis --mail"));
        assert_eq!(machine.run("fmt --diff compose.yaml").out, "", "{stack}");
    }
}

#[test]
fn files_are_named_and_nothing_is_replaced_unasked() {
    let machine = Machine::empty();
    let out = machine.out("init lemp --directory shop --name shop -y");
    for file in ["compose.yaml", ".env", "docker/php/Dockerfile", "public/index.php"] {
        assert!(out.contains(&format!("shop/{file}\n")), "{out}");
    }
    assert!(machine.read("shop/compose.yaml").contains("name: shop\n"));
    let err = machine.fails("init lemp --directory shop -y");
    assert!(err.contains("shop/compose.yaml is there already") && err.contains("--force"), "{err}");
}

#[test]
fn passwords_are_new_each_time_and_not_in_the_compose_file() {
    let machine = Machine::empty();
    machine.out("init django -y");
    let first = machine.read(".env");
    machine.out("init django -y --force");
    assert_ne!(first, machine.read(".env"));
    let password = first.lines().find_map(|line| line.strip_prefix("DB_PASSWORD=")).unwrap();
    assert!(password.len() > 20 && !machine.read("compose.yaml").contains(password));
    assert!(machine.out("config").contains("DB_PASSWORD:"));
}

#[test]
fn it_asks_for_what_it_is_not_told() {
    let mut machine = Machine::empty();
    machine.answer("wordpress\nblog\n8.2\ngd, intl\ny\nmaria\nn\ny\n9000\n");
    let ran = machine.run("init");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let (file, recipe) = (machine.read("compose.yaml"), machine.read("docker/php/Dockerfile"));
    assert!(file.contains("name: blog") && file.contains("image: mariadb:"), "{file}");
    assert!(file.contains("mailpit") && !file.contains("redis:"), "{file}");
    assert!(recipe.contains("FROM wordpress:6.8-php8.2-apache"), "{recipe}");
    assert!(recipe.contains("docker-php-ext-install") && recipe.contains("pecl install xdebug"));
    assert!(machine.read(".env").contains("WEB_PORT=9000"));
}

#[test]
fn what_does_not_fit_together_is_said() {
    let machine = Machine::empty();
    for (line, what) in [
        ("init wordpress --database postgres -y", "take `mysql` or `mariadb`"),
        ("init node --xdebug -y", "there is no PHP in `node`"),
        ("init lamp --php 5.6 -y", "known are 8.4, 8.3"),
        ("init lamp --extension gdd -y", "unknown extension \"gdd\""),
        ("init -y", "lamp, lemp, wordpress, node or django"),
    ] {
        let err = machine.fails(line);
        assert!(err.contains(what), "{line}: {err}");
    }
}
