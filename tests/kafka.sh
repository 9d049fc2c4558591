#!/usr/bin/env bash
# Apache Kafka for tests: its jars from Maven Central, once.
#
#   tests/kafka.sh DIR      fetches what DIR lacks; tests find it with FAULTLINE_KAFKA_LIB=DIR
#
# Needs Java 17 or newer, and Maven the first time (57 MB, of which 43 stay). A second run does nothing.

set -euo pipefail
version=4.1.1
mkdir -p "$1"
dir="$(cd "$1" && pwd)"
if [[ -e $dir/complete-$version ]]; then exit 0; fi
scratch="$(mktemp -d)" java=
trap 'if [[ -n $java ]]; then kill -9 "$java" 2>/dev/null || true; fi; rm -rf "$scratch"' EXIT

cat >"$scratch/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>faultline</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
fetch() {
    mvn -q -B -Dstyle.color=never -f "$scratch/pom.xml" -Dmaven.repo.local="$scratch/repository" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$scratch/lib" </dev/null
}
# What came is kept, so that a second try asks for the rest alone.
fetch || fetch || fetch
rm -rf "${dir:?}"/*
mv "$scratch"/lib/* "$dir"

# Java can keep the classes that a node loads: nodes then start in half the time. Where that fails, they start slowly.
node() { # class, argument…; in a subshell
    cd "$scratch" && exec java -Xmx400m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:disable \
        -XX:ArchiveClassesAtExit="$scratch/kafka.jsa" -cp "$dir/*" "$@" </dev/null >"$scratch/log" 2>&1
}
archive() {
    local port=$((20000 + RANDOM % 12000)) tries=300
    cat >"$scratch/node.properties" <<NODE
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
log.dirs=data
NODE
    (node kafka.tools.StorageTool format -t ZmF1bHRsaW5lLXRlc3RzMQ -c node.properties) || return 1
    rm -f "$scratch/kafka.jsa"
    node kafka.Kafka node.properties &
    java=$!
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || ((--tries == 0)); do sleep .2; done
    sleep 1
    kill "$java" 2>/dev/null || true
    wait "$java" || true # 143: it was told to
    java=
    mv "$scratch/kafka.jsa" "$dir"
}
archive || echo "Java keeps no classes: $(tail -n 1 "$scratch/log")" >&2
touch "$dir/complete-$version"
