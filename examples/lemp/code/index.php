<?php

$source = sprintf('mysql:host=%s;dbname=%s', getenv('DB_HOST'), getenv('DB_NAME'));
$database = new PDO($source, getenv('DB_USER'), getenv('DB_PASSWORD'));
$text = $database->query('SELECT text FROM greetings ORDER BY id')->fetchColumn();

header('Content-Type: text/plain');
printf("%s, through %s\n", $text, PHP_SAPI);
