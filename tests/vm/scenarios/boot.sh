#!/usr/bin/env bash
# A shutdown ends containers in order, and a boot brings back those whose policy says so.
# shellcheck source=tests/vm/scenario.sh
source "$(dirname "$0")/../scenario.sh"

begin boot << 'END'
services:
  db:
    image: busybox
    restart: unless-stopped
    volumes: ['./data:/data']
    command:
      - sh
      - -c
      - |
        trap 'sleep 1; echo ended >> /data/log; exit 0' TERM
        echo began >> /data/log
        while :; do sleep 0.2; done
  web:
    image: busybox
    restart: always
    depends_on: [db]
    ports: ['8080:80']
    volumes: ['./compose.yaml:/www/index.html:ro']
    command: [httpd, -f, -p, '80', -h, /www]
  once: {image: busybox, init: true, command: [sleep, infinity]}
  idle: {image: busybox, init: true, restart: unless-stopped, command: [sleep, infinity]}
END
vm 'cd /srv/boot && compose up -d && compose stop idle' > /dev/null 2>&1
vm 'compose system enable && systemctl daemon-reload && systemctl start compose-restore' > /dev/null 2>&1
says 'the unit is enabled' enabled systemctl is-enabled compose-restore
"$vm_dir/run.sh" reboot
says 'the database ended in order and began again' $'began\nended\nbegan' cat /srv/boot/data/log
says 'what should run runs' $'db running\nidle exited\nonce exited\nweb running' \
    "cd /srv/boot && compose ps -a --format '{{.Service}} {{.State}}' | sort"
contains 'a port answers' 'services:' 'curl -s --max-time 20 http://127.0.0.1:8080/'
says 'nothing is left unexplained' '' 'compose system check -q 2> /dev/null | grep -v "^Nothing" || true'
vm systemctl stop compose-restore
says 'stopping the unit stops containers' $'began\nended\nbegan\nended' cat /srv/boot/data/log
vm systemctl start compose-restore
says 'starting it starts them' running "cd /srv/boot && compose ps --format '{{.State}}' db"
vm 'cd /srv/boot && compose down -t 1; compose system enable --remove; systemctl daemon-reload' > /dev/null 2>&1
