//! The other files of a generated stack: recipes, settings, and a first page that works.

use super::choices::{Choices, Database, Stack};
use super::php;
use super::services::compose_file;
use crate::compose::fmt::format;

/// All files by their paths, the compose file first. `secret` makes passwords.
#[must_use]
pub fn files(choices: &Choices, mut secret: impl FnMut() -> String) -> Vec<(&'static str, String)> {
    let file = compose_file(choices);
    // In the layout of `compose fmt`, which knows every file that is made here.
    let file = format("compose.yaml", &file, false).map_or(file, |formatted| formatted.text);
    let mut files = vec![("compose.yaml", file), (".env", env(choices, &mut secret))];
    files.push((".dockerignore", IGNORED.to_owned()));
    match choices.stack {
        Stack::Lamp | Stack::Lemp => {
            files.push(("docker/php/Dockerfile", php::dockerfile(choices)));
            files.push(("docker/php/php.ini", php::ini(choices)));
            files.push(("public/index.php", index_php(choices)));
            if choices.stack == Stack::Lemp {
                files.push(("docker/nginx/default.conf", NGINX.to_owned()));
            }
        }
        Stack::Wordpress => {
            files.push(("docker/php/Dockerfile", php::dockerfile(choices)));
            files.push(("docker/php/php.ini", php::ini(choices)));
            files.push(("themes/README.md", "Your themes: a directory each.\n".to_owned()));
            files.push(("plugins/README.md", "Your plugins: a directory each.\n".to_owned()));
        }
        Stack::Node => {
            files.push(("Dockerfile", NODE.to_owned()));
            files.push(("package.json", package_json(choices)));
            files.push(("src/server.js", SERVER_JS.to_owned()));
        }
        Stack::Django => {
            files.push(("Dockerfile", PYTHON.to_owned()));
            files.push(("requirements.txt", requirements(choices)));
            files.push(("manage.py", MANAGE_PY.to_owned()));
            files.push(("pages/__init__.py", String::new()));
            files.push(("pages/settings.py", settings_py(choices)));
            files.push(("pages/urls.py", URLS_PY.to_owned()));
            files.push(("pages/wsgi.py", WSGI_PY.to_owned()));
        }
    }
    files
}

const IGNORED: &str = ".env\n.git\ncompose*.yaml\nnode_modules\n**/__pycache__\n";

fn env(choices: &Choices, secret: &mut impl FnMut() -> String) -> String {
    let mut text = format!("# Not for version control.\nWEB_PORT={}\n", choices.port);
    if choices.database != Database::None {
        text += &format!("DB_PASSWORD={}\n", secret());
    }
    if choices.database.is_mysql() {
        text += &format!("DB_ROOT_PASSWORD={}\n", secret());
    }
    if choices.stack == Stack::Django {
        text += &format!("SECRET_KEY={}\n", secret());
    }
    text
}

const NGINX: &str = "\
server {
    listen 80;
    root /app/public;
    index index.php index.html;

    location / {
        try_files $uri $uri/ /index.php?$query_string;
    }

    location ~ \\.php$ {
        fastcgi_pass php:9000;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
    }
}
";

fn index_php(choices: &Choices) -> String {
    let mut text =
        "<?php\nheader('Content-Type: text/plain');\necho 'PHP ', PHP_VERSION, \"\\n\";\n"
            .to_owned();
    if choices.database != Database::None {
        text += "\n$source = sprintf('%s:host=%s;port=%s;dbname=%s', getenv('DB_DRIVER'), getenv('DB_HOST'),\n    \
                 getenv('DB_PORT'), getenv('DB_NAME'));\n$db = new PDO($source, getenv('DB_USER'), \
                 getenv('DB_PASSWORD'));\necho 'database ', $db->query('SELECT version()')->fetchColumn(), \
                 \"\\n\";\n";
    }
    if choices.redis {
        text += "\n$redis = new Redis();\n$redis->connect('redis');\necho 'visits ', $redis->incr('visits'), \"\\n\";\n";
    }
    text
}

const NODE: &str = "\
FROM node:24-slim

WORKDIR /app
COPY package.json ./
RUN npm install --omit=dev
COPY . .
USER node
CMD [\"node\", \"src/server.js\"]
";

fn package_json(choices: &Choices) -> String {
    let mut needs = Vec::new();
    match choices.database {
        Database::Mysql | Database::Mariadb => needs.push("\"mysql2\": \"^3\""),
        Database::Postgres => needs.push("\"pg\": \"^8\""),
        Database::None => {}
    }
    if choices.redis {
        needs.push("\"redis\": \"^5\"");
    }
    let needs = match needs.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{\n    {}\n  }}", needs.join(",\n    ")),
    };
    format!(
        "{{\n  \"name\": \"{}\",\n  \"private\": true,\n  \"scripts\": {{ \"start\": \"node src/server.js\" }},\n  \
         \"dependencies\": {needs}\n}}\n",
        choices.name
    )
}

const SERVER_JS: &str = "\
const http = require('node:http');

const server = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end(`Node ${process.version}\\n`);
});

server.listen(3000, () => console.log('listening on port 3000'));
";

const PYTHON: &str = "\
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD [\"sh\", \"-c\", \"python manage.py migrate && exec python manage.py runserver 0.0.0.0:8000\"]
";

fn requirements(choices: &Choices) -> String {
    let mut text = "Django~=5.2\n".to_owned();
    match choices.database {
        Database::Mysql | Database::Mariadb => text += "PyMySQL~=1.1\n",
        Database::Postgres => text += "psycopg[binary]~=3.2\n",
        Database::None => {}
    }
    if choices.redis {
        text += "redis~=6.0\n";
    }
    text
}

const MANAGE_PY: &str = "\
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'pages.settings')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
execute_from_command_line(sys.argv)
";

fn settings_py(choices: &Choices) -> String {
    let mut text = "import os\n".to_owned();
    if choices.database.is_mysql() {
        text += "\nimport pymysql\n\npymysql.install_as_MySQLdb()\n";
    }
    text += "\nSECRET_KEY = os.environ['SECRET_KEY']\nDEBUG = True\nALLOWED_HOSTS = ['*']\n\
             ROOT_URLCONF = 'pages.urls'\nWSGI_APPLICATION = 'pages.wsgi.application'\n\
             INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth']\n";
    text += &match choices.database {
        Database::None => {
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '/tmp/db.sqlite3'}}\n".to_owned()
        }
        database => format!(
            "DATABASES = {{\n    'default': {{\n        'ENGINE': 'django.db.backends.{}',\n        \
             'HOST': os.environ['DB_HOST'],\n        'PORT': os.environ['DB_PORT'],\n        \
             'NAME': os.environ['DB_NAME'],\n        'USER': os.environ['DB_USER'],\n        \
             'PASSWORD': os.environ['DB_PASSWORD'],\n    }}\n}}\n",
            if database.is_mysql() { "mysql" } else { "postgresql" }
        ),
    };
    if choices.redis {
        text += "CACHES = {\n    'default': {\n        'BACKEND': 'django.core.cache.backends.redis.RedisCache',\n        \
                 'LOCATION': os.environ['REDIS_URL'],\n    }\n}\n";
    }
    if choices.mail {
        text += "EMAIL_HOST = os.environ['MAIL_HOST']\nEMAIL_PORT = int(os.environ['MAIL_PORT'])\n";
    }
    text
}

const URLS_PY: &str = "\
import django
from django.http import HttpResponse
from django.urls import path


def home(request):
    return HttpResponse(f'Django {django.get_version()}\\n', content_type='text/plain')


urlpatterns = [path('', home)]
";

const WSGI_PY: &str = "\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'pages.settings')
application = get_wsgi_application()
";
