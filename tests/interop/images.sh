#!/usr/bin/env bash
# Other tools read the images we write, and we read theirs: equal digests, equal files.
#
#   tests/interop/images.sh     with the binary of `cargo build`, or $COMPOSE
#
# Asks skopeo, umoci and buildah, and podman and docker where they are installed (docker only while
# its daemon runs). Everything happens below one temporary directory, with a registry on a free port
# of loopback.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/support/packages.sh
source "$top/tests/support/packages.sh"
cache=${COMPOSE_FIXTURE_CACHE:-/var/cache/compose-fixtures}

need skopeo umoci buildah python3 curl xz:xz-utils zstd
newest() { { ls -t "$top"/target/*/{debug,release}/compose 2> /dev/null || true; } | head -1; }
compose=${COMPOSE:-$(newest)}
PATH=$cache/docker-registry/usr/bin:$PATH
command -v docker-registry > /dev/null || "$top/tests/support/registry.sh" start > /dev/null

work=$(mktemp -d "${TMPDIR:-/tmp}/compose-interop.XXXXXX")
registry_pid=""
finish() {
    [[ -z $registry_pid ]] || kill "$registry_pid" 2> /dev/null || true
    umount -R "$work"/storage*/* 2> /dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"

ours() { COMPOSE_DATA_ROOT=$work/data COMPOSE_RUN_ROOT=$work/run HOME=$work "$compose" "$@"; }
theirs() { COMPOSE_DATA_ROOT=$work/data2 COMPOSE_RUN_ROOT=$work/run2 HOME=$work "$compose" "$@"; }
storage() { echo "--root=$work/storage --runroot=$work/storage-run --storage-driver=vfs"; }
id_of() { "$1" image inspect --format '{{.Id}}' "$2"; }
layers_of() { "$1" image inspect --format '{{json .RootFS.Layers}}' "$2"; }

count=0
same() {
    if [[ $2 != "$3" ]]; then
        printf 'interop: %s differs\n  %s\n  %s\n' "$1" "$2" "$3" >&2
        exit 1
    fi
    count=$((count + 1))
    printf 'ok %s\n' "$1"
}

# --- an image with everything that layers can have

mkdir context
printf 'context\n' > context/file
cat > context/Dockerfile << 'END'
FROM base
COPY file /copied/
RUN mkdir -p /kinds/dir/sub && cd /kinds && echo 1 > one && ln one hard && ln -s one soft \
 && mkfifo pipe && touch 'with space' "$(printf 'b\303\244r')" && chmod 4755 one && chown 12:34 dir/sub \
 && mkdir sticky && chmod 1777 sticky && touch -d @1234567890 old \
 && touch a-name-of-more-than-one-hundred-bytes-which-does-not-fit-into-the-field-of-an-old-header-of-a-tar-archive
RUN rm /copied/file /bin/zcat && rm -r /kinds/dir && mkdir /kinds/dir && echo new > /kinds/dir/opaque
RUN dd if=/dev/zero of=/kinds/sparse bs=1 count=1 seek=5000000 2> /dev/null
LABEL kind=interop
CMD ["cat", "/kinds/one"]
END
ours image import "$cache/busybox.tar" base:latest -c 'CMD ["sh"]' > /dev/null
ours image build -q -t interop:1 context > /dev/null
id=$(id_of ours interop:1)
layers=$(layers_of ours interop:1)
ours image save -o ours.tar interop:1

# --- they read what we write

config_of() { skopeo inspect --config --raw "$1" | sha256sum | awk '{print "sha256:" $1}'; }
same 'skopeo reads our OCI archive' "$(config_of oci-archive:ours.tar)" "$id"
same 'skopeo reads our Docker archive' "$(config_of docker-archive:ours.tar)" "$id"
skopeo copy -q oci-archive:ours.tar oci:layout:1
umoci unpack --image layout:1 bundle > /dev/null 2>&1
# shellcheck disable=SC2046
buildah $(storage) pull -q docker-archive:ours.tar > /dev/null
# shellcheck disable=SC2046
same 'buildah has our image' "sha256:$(buildah $(storage) images -q --no-trunc interop:1 | sed s/sha256://)" "$id"

# --- umoci and we unpack the same files

ours image build -q -o type=tar,dest=files.tar - > /dev/null << 'END'
FROM interop:1
END
mkdir files
tar -xpf files.tar -C files --numeric-owner --xattrs --xattrs-include='*'
python3 "$here/tree.py" bundle/rootfs > umoci.list
python3 "$here/tree.py" files > ours.list
if ! diff umoci.list ours.list > difference; then
    head -20 difference >&2
    exit 1
fi
same 'umoci unpacks the same files' "$(sha256sum < umoci.list)" "$(sha256sum < ours.list)"

# --- we read what they write

load() {
    # By its id: each tool has its own idea of the full name.
    theirs image load -q -i "$1"
    same "we load $2" "$(id_of theirs "$id") $(layers_of theirs "$id")" "$id $layers"
    theirs image rm -f "$id" > /dev/null
}
skopeo copy -q oci-archive:ours.tar docker-archive:skopeo-docker.tar:interop:1
load skopeo-docker.tar "skopeo's Docker archive"
xz -kT0 -0 skopeo-docker.tar && load skopeo-docker.tar.xz 'the same with xz'
zstd -q skopeo-docker.tar && load skopeo-docker.tar.zst 'the same with zstd'
skopeo copy -q oci-archive:ours.tar oci-archive:skopeo-oci.tar:docker.io/library/interop:1
load skopeo-oci.tar "skopeo's OCI archive"
# shellcheck disable=SC2046
buildah $(storage) push -q interop:1 docker-archive:buildah.tar:interop:1
load buildah.tar "buildah's Docker archive"
umoci config --image layout:1 --config.label more=label > /dev/null
umoci tag --image layout:1 interop:2 > /dev/null
tar -C layout -cf umoci.tar .
theirs image load -q -i umoci.tar
changed=$(config_of oci:layout:1)
same "we load umoci's layout" "$changed" "$(theirs image ls -aq --no-trunc | grep -x "$changed")"

# --- through a registry

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > registry.yml << END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
END
docker-registry serve registry.yml > registry.log 2>&1 &
registry_pid=$!
place=127.0.0.1:$port
for _ in $(seq 100); do curl -sfo /dev/null "http://$place/v2/" && break; read -rt 0.1 < /dev/zero || true; done

digest_of() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$place/$1"; }
pulled() {
    theirs image pull -q "$place/$1" > /dev/null
    same "we pull $2" "$(layers_of theirs "$place/$1")" "$layers"
    theirs image inspect --format '{{index .RepoDigests 0}}' "$place/$1" > digest
    same "its digest" "$(sed 's/.*@//' digest)" "$(digest_of "$1")"
    theirs image rm -f "$place/$1" > /dev/null
}
ours image tag interop:1 "$place/ours:1"
pushed=$(ours image push "$place/ours:1" 2> /dev/null | sed -n 's/.*digest: \([^ ]*\).*/\1/p')
same 'skopeo sees what we pushed' "$(digest_of ours:1)" "$pushed"
pulled ours:1 'what we pushed'
copy() { skopeo copy -q --dest-tls-verify=false --src-tls-verify=false "$@"; }
copy "docker://$place/ours:1" "docker://$place/schema2:1" --format v2s2
pulled schema2:1 'a manifest of Docker'
copy oci-archive:ours.tar dir:plain --dest-decompress
copy dir:plain "docker://$place/plain:1"
pulled plain:1 'layers without compression'
copy --dest-compress-format zstd --dest-compress oci-archive:ours.tar oci:zstd:1
copy oci:zstd:1 "docker://$place/zstd:1"
pulled zstd:1 'layers with zstd'

# --- podman and docker, where they are

if command -v podman > /dev/null; then
    # shellcheck disable=SC2046
    podman $(storage) --cgroup-manager=cgroupfs load -q -i ours.tar > /dev/null
    # shellcheck disable=SC2046
    same 'podman loads our archive' "sha256:$(podman $(storage) images -q --no-trunc interop:1 | sed s/sha256://)" "$id"
    # shellcheck disable=SC2046
    podman $(storage) save -q -o podman.tar interop:1
    load podman.tar "podman's archive"
fi
if docker info > /dev/null 2>&1; then
    docker load -q -i ours.tar > /dev/null
    same 'docker loads our archive' "$(docker image inspect --format '{{.Id}}' interop:1)" "$id"
    docker save -o docker.tar interop:1
    docker image rm -f interop:1 > /dev/null
    load docker.tar "docker's archive"
fi
printf 'interop: %s comparisons\n' "$count"
