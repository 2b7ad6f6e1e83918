#!/bin/sh
# Builds a small image of Kafka that testcontainers' own KafkaContainer can start, without any image registry:
# a static busybox, a Java runtime cut out of this machine's JDK, the C libraries it needs, and the broker's jars.
#
#   kafka_image.sh JARS [TAG]      JARS: what `python -m tests.system.kafka_jars` prints
#
# The tag must read as a version of at least 7.0.0: KafkaContainer asks for it. What the image must have for it:
# sh, hostname, sed, kafka-storage on the path, and /etc/confluent/docker/{bash-config,configure,launch}.
set -eu

jars=$1
tag=${2:-postcall/kafka-test:8.0.0}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# --- a shell and its tools -------------------------------------------------------------------------------
mkdir -p "$root/bin" "$root/usr/bin" "$root/tmp" "$root/proc" "$root/sys" "$root/dev"
chmod 1777 "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
for tool in sh awk cat cut env grep hostname ls mkdir ps rm sed sleep test tr; do
  ln -s busybox "$root/bin/$tool"
done
ln -s /bin/env "$root/usr/bin/env"
mkdir -p "$root/etc"
echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"

# --- Java, and the shared libraries that it and name look-ups load ------------------------------------------
jlink --no-header-files --no-man-pages --strip-debug --output "$root/opt/java" --add-modules \
java.base,java.desktop,java.instrument,java.logging,java.management,java.naming,java.net.http,\
java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.unsupported,jdk.zipfs
find "$root/opt/java" -type f \( -name '*.so' -o -name java \) -exec ldd {} + 2>/dev/null |
  grep -o '/[^ ]*\.so[^ ]*' | grep -v "^$root" | grep -Ev '/lib(X|freetype|asound)' | sort -u > "$root/tmp/libraries"
for library in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
  ldconfig -p | sed -n "s,.*$library (.*x86-64.*=> ,,p;s,.*$library (.*AArch64.*=> ,,p" >> "$root/tmp/libraries"
done
while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done < "$root/tmp/libraries"
rm "$root/tmp/libraries"

# --- Kafka ---------------------------------------------------------------------------------------------------
mkdir -p "$root/opt/kafka" "$root/etc/kafka" "$root/etc/confluent/docker" "$root/var/lib/kafka/data"
cp "$jars"/*.jar "$root/opt/kafka/"
: > "$root/etc/confluent/docker/bash-config"
cat > "$root/etc/confluent/docker/configure" <<'SCRIPT'
#!/bin/sh
# KAFKA_SOME_NAME=value -> some.name=value, as the images of the field do (__ is _, ___ is -).
env | grep '^KAFKA_[A-Z]' | grep -Ev '^KAFKA_(HEAP_OPTS|OPTS|LOG4J_OPTS|VERSION)=' | while IFS='=' read -r name value; do
  echo "$(echo "${name#KAFKA_}" | sed 's/___/-/g; s/__/@/g; s/_/./g; s/@/_/g' | tr A-Z a-z)=$value"
done > /etc/kafka/kafka.properties
grep -q '^log.dirs=' /etc/kafka/kafka.properties || echo log.dirs=/var/lib/kafka/data >> /etc/kafka/kafka.properties
SCRIPT
cat > "$root/etc/confluent/docker/launch" <<'SCRIPT'
#!/bin/sh
exec java ${KAFKA_HEAP_OPTS:--Xms128m -Xmx512m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
  -cp '/opt/kafka/*' kafka.Kafka /etc/kafka/kafka.properties
SCRIPT
cat > "$root/bin/kafka-storage" <<'SCRIPT'
#!/bin/sh
exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
  -cp '/opt/kafka/*' kafka.tools.StorageTool "$@"
SCRIPT
chmod +x "$root"/etc/confluent/docker/* "$root/bin/kafka-storage"

tar -C "$root" -c . | docker import --change 'ENV PATH=/bin:/usr/bin:/opt/java/bin' --change 'EXPOSE 9092 9093' - "$tag"
