# shellcheck shell=bash
# Installs what a script needs and the machine lacks.

# need COMMAND[:PACKAGE,...]...: the packages, by default one named as the command, where the
# command is not there.
need() {
    local word packages missing=()
    for word; do
        IFS=, read -ra packages <<< "${word#*:}"
        command -v "${word%:*}" > /dev/null || missing+=("${packages[@]}")
    done
    [[ ${#missing[@]} -eq 0 ]] && return
    if [[ $(id -u) != 0 ]]; then
        echo "please install: ${missing[*]}" >&2
        return 1
    fi
    echo "installing ${missing[*]}" >&2
    fresh_lists
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null
}

# A new machine has no package lists, and a machine of last month old ones.
fresh_lists() {
    local lists=/var/lib/apt/lists
    if [[ -z $(find "$lists" -maxdepth 1 -name '*Packages*' -ctime -1 -print -quit) ]]; then
        apt-get update -qq
    fi
}
