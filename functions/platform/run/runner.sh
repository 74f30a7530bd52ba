#!/bin/sh
# The runner inside the database container, sent in argv:  sh -c 'eval "$1"' sh "$SCRIPT" SUBCOMMAND key=value ...
# Needs POSIX sh (dash, busybox ash, bash) and what Debian and Alpine bring: flock, setsid, timeout, od, sed, tr, sha256sum.
# Answers key=value lines closed by end=1; a value never holds a newline. platform/run/runner.ts is the only caller.
# A line `#@ a b` says that the part below it is sent only with the subcommands a and b (`#@ *`: with all).
#
# Processes of a run:  start (anchor) -> run (runner) -> guard -> timeout -> wal-g
# postgres is PID 1 of the container. It adopts orphans and restarts all its sessions when one ends by a signal or
# with a code other than 0 and 1. So whatever it may adopt here is a shell that ends with 0, and wal-g's parent outlives it.
set -u
script=$1
cmd=$2
nl='
'
LC_ALL=C
export LC_ALL
# The exec's working directory may be closed to the owner of the data directory.
cd /
# A caller that hangs up must not end us while wal-g is our child. A handler, because exec resets it; '' would be inherited.
trap : PIPE

say() { case $2 in *"$nl"*) ;; *) printf '%s=%s\n' "$1" "$2" ;; esac; }
now() { date +%s; }
nap() { sleep 0.05 2>/dev/null || sleep 1; }
put() { printf '%s\n' "$2" >"$1.tmp" && mv -f "$1.tmp" "$1"; }

finish() {
  printf 'end=1\n'
  exit 0
}

# ticks PID: start time of a live process in $t; fails when there is none or only its zombie.
ticks() {
  t=
  { read -r t <"/proc/$1/stat"; } 2>/dev/null || return 1
  t=${t##*) }
  case $t in [ZX]*) return 1 ;; esac
  # shellcheck disable=SC2086
  set -- $t
  t=${20}
}

# sign FILE: writes own pid and start time. $$ is wrong in a subshell, and so would be this function in $(...).
sign() {
  read -r pid t </proc/self/stat
  ticks "$pid"
  put "$1" "$pid $t"
}

# alive FILE: the process named in it lives (pid in $pid); the start time guards against a reused pid.
alive() {
  pid='' since=''
  { read -r pid since <"$1"; } 2>/dev/null || return 1
  ticks "$pid" && [ "$t" = "$since" ]
}

line_of() { { read -r value <"$1"; } 2>/dev/null || value=; }

id='' kind='' name='' dir='' host='' start_ticks='' boot='' postmaster='' notafter='' limit='' userdata='' cut='' names='' op=''
for arg; do
  value=${arg#*=}
  case $arg in
    id=*) id=$value ;;
    kind=*) kind=$value ;;
    name=*) name=$value ;;
    dir=*) dir=${value%/} ;;
    host=*) host=$value ;;
    ticks=*) start_ticks=$value ;;
    boot=*) boot=$value ;;
    postmaster=*) postmaster=$value ;;
    notafter=*) notafter=$value ;;
    timeout=*) limit=$value ;;
    userdata=*) userdata=$value ;;
    cut=*) cut=$value ;;
    names=*) names=$value ;;
    op=*) op=$value ;;
  esac
done
case $id$kind in *[!A-Za-z0-9-]*) exit 2 ;; esac
case $name$cut in */* | -*) exit 2 ;; esac
case $notafter$limit in *[!0-9]*) exit 2 ;; esac
case $dir in '') ;; /*) ;; *) exit 2 ;; esac
run=$dir/.run/$id

PGDATA=${PGDATA:-/var/lib/postgresql/data}
export PGDATA
obstacle='' uid='' gid='' user='' home=''
me=$(id -u)

# One fixed rule for the group, whoever calls: /proc/PID/environ opens only to the same uid and gid.
owner_of_data() {
  # shellcheck disable=SC2046
  set -- $(ls -dn "$PGDATA/" 2>/dev/null)
  [ $# -gt 3 ] || {
    obstacle="NoDataDirectory no directory $PGDATA"
    return
  }
  uid=$3 gid=$4
  while IFS=: read -r n _ u g _ h _; do
    [ "$u" != "$uid" ] || {
      user=$n gid=$g home=$h
      break
    }
  done </etc/passwd
}

# Root makes what the owner may not: the directory itself, when its parent is root's too. An empty one of root's (a fresh
# volume) is handed over, from inside it, so that nobody can put a link in its place between check and chown.
hand_over() {
  [ -n "$dir" ] && [ "$cmd" != prune ] || return
  [ -d "$dir" ] || { owned_by_root "${dir%/*}/" && cd "${dir%/*}/" && mkdir "${dir##*/}"; }
  cd "$dir/" && owned_by_root . || return
  case $(ls -A) in '' | lost+found) chown "$uid:$gid" . ;; esac
}

owned_by_root() {
  # shellcheck disable=SC2046
  set -- $(ls -dn "$1")
  [ "${3-}" = 0 ]
}

# Everything is done as the owner of the data directory: files of root's would break the server's own archiving.
become_owner() {
  (hand_over) 2>/dev/null
  groups=--clear-groups
  [ -z "$user" ] || groups=--init-groups
  [ "${HOME:-/root}" != /root ] || HOME=${home:-/}
  USER=${user:-$uid}
  export HOME USER
  for switch in "setpriv --reuid=$uid --regid=$gid $groups" "gosu $uid:$gid" "su-exec $uid:$gid"; do
    # shellcheck disable=SC2086,SC2016
    ! $switch true 2>/dev/null || exec $switch sh -c 'eval "$1"' sh "$@"
  done
  obstacle="WrongUser root may not switch to uid $uid: no working setpriv, gosu or su-exec"
}

need_tools() {
  for tool in flock setsid timeout sha256sum od; do
    command -v "$tool" >/dev/null || obstacle="MissingTool $tool is not in the container"
  done
  command -v wal-g >/dev/null || obstacle="NoWalg wal-g is not in the PATH of the container: $PATH"
  [ -r "$PGDATA/global/pg_control" ] || obstacle="NoDataDirectory no readable $PGDATA/global/pg_control"
}

need_directory() {
  [ -n "$dir" ] && [ "$cmd" != prune ] || return
  obstacle="DirectoryNotCreatable uid $uid may not create or write $dir"
  { mkdir -p "$dir/.run" && [ -w "$dir" ] && [ -w "$dir/.run" ]; } 2>/dev/null || return
  # Only a write shows whether there is room. The name is our own, because others inspect at the same time.
  obstacle="DirectoryFull no space left in $dir"
  { printf x >"$run.$$"; } 2>/dev/null && obstacle=
  rm -f "$run.$$"
}

owner_of_data
[ -n "$obstacle" ] || [ "$me" != 0 ] || [ "$uid" = 0 ] || become_owner "$@"
shift 2
[ -n "$obstacle" ] || [ "$me" = "$uid" ] || obstacle="WrongUser exec user $me is not the owner $uid of $PGDATA"
[ -n "$obstacle" ] || need_tools
[ -n "$obstacle" ] || need_directory

# --foreground: else coreutils' timeout kills itself with its child, which PID 1 then adopts as ended by a signal.
fg=
! timeout --foreground 5 true 2>/dev/null || fg=--foreground

#@ inspect catalogue probe
errors='/ERROR|^panic:|^fatal error:/'

#@ start inspect
# identity: which incarnation of container and database this is.
identity() {
  line_of /proc/sys/kernel/hostname
  is_host=$value
  line_of /proc/sys/kernel/random/boot_id
  is_boot=$value
  is_ticks=
  ! ticks 1 || is_ticks=$t
  is_postmaster='' status=''
  {
    {
      # A postmaster that was killed leaves its file behind, and its pid may be another process by now. The pid of a
      # single-user server is negative. The last line is written before any session is ended by a shutdown.
      # shellcheck disable=SC3013
      read -r pid && read -r _ && read -r value && [ "/proc/$pid/cwd" -ef "$PGDATA/" ] && is_postmaster=$value
      while read -r value; do status=$value; done
    } <"$PGDATA/postmaster.pid"
  } 2>/dev/null
}

#@ inspect catalogue
# control TYPE OFFSET LENGTH: a number of the control file.
control() { od -An -t"$1" -j"$2" -N"$3" "$PGDATA/global/pg_control" 2>/dev/null | tr -d ' \n'; }
sysid() { control u8 0 8; }

#@ *
# scan: who holds the lock, without touching it. Every process of a run has inherited fd 9 and AIDBOXOPS_RUN.
scan() {
  holder='' holder_dir=''
  for p in /proc/[0-9]*; do
    # shellcheck disable=SC3013
    [ "$p/fd/9" -ef "$PGDATA/" ] || continue
    env=$nl$({ tr '\0' '\n' <"$p/environ"; } 2>/dev/null)
    case $env in *"${nl}AIDBOXOPS_RUN="*) ;; *) continue ;; esac
    holder=${env##*"$nl"AIDBOXOPS_RUN=}
    holder=${holder%%"$nl"*}
    holder_dir=${env##*"$nl"AIDBOXOPS_DIR=}
    holder_dir=${holder_dir%%"$nl"*}
    return
  done
}

#@ start
# allowed: fails with $reason and $detail when the run must not begin (any more).
allowed() {
  identity
  time=$(now)
  reason=identity detail=
  [ "$is_host" = "$host" ] || detail="host name is $is_host, not $host"
  [ "$is_boot" = "$boot" ] || detail='the node was restarted'
  [ "$is_ticks" = "$start_ticks" ] || detail='the container was restarted'
  [ "$is_postmaster" = "$postmaster" ] || detail='the postmaster was restarted'
  [ -z "$detail" ] || return 1
  [ ! -e "$run/stop" ] || reason=tombstone detail='the run was stopped'
  [ "$time" -le "$notafter" ] || reason=not-after detail="pod time $time is after $notafter"
  [ -z "$detail" ]
}

refuse() {
  say state refused
  say reason "$1"
  say detail "$2"
  finish
}

# ours: the state of the launched run whose files are in $run.
ours() {
  line_of "$run/started"
  say started "${value:-$(now)}"
  if [ -e "$run/exit" ]; then say state exited; else say state running; fi
}

# take_lock: fd 9 is locked afterwards, or the answer `busy` was given.
# The exit file is written up to a second before the last holder is gone, and a new holder shows after milliseconds.
take_lock() {
  tries=0
  while :; do
    exec 9<"$PGDATA/"
    ! flock -n 9 || return 0
    exec 9<&-
    scan
    [ "$holder" != "$id/$kind" ] || {
      ours
      finish
    }
    tries=$((tries + 1))
    [ "$tries" -le 40 ] || break
    [ -z "$holder" ] || [ -e "$holder_dir/.run/${holder%/*}/exit" ] || break
    nap
  done
  say state busy
  say holder "${holder:-unknown}"
  finish
}

start() {
  say now "$(now)"
  [ -z "$obstacle" ] || refuse obstacle "$obstacle"
  allowed || refuse "$reason" "$detail"
  take_lock
  if [ -e "$run/pid" ]; then
    [ -e "$run/exit" ] || refuse died 'an earlier attempt left no exit code'
    ours
    finish
  fi
  mkdir -p "$run"
  rm -f "$run/refused"
  # shellcheck disable=SC2016
  AIDBOXOPS_RUN=$id/$kind AIDBOXOPS_DIR=$dir setsid sh -c 'eval "$1"' sh "$script" run "$@" </dev/null >/dev/null 2>&1 &
  child=$!
  exec 9<&-
  tries=0
  while [ "$tries" -lt 100 ] && ticks "$child" && [ ! -e "$run/pid" ] && [ ! -e "$run/refused" ]; do
    tries=$((tries + 1))
    nap
  done
  if { read -r reason detail <"$run/refused"; } 2>/dev/null; then refuse "$reason" "$detail"; fi
  if [ -e "$run/pid" ] || [ -e "$run/exit" ]; then ours; else say state starting; fi
  # From here on this process is the anchor: the parent that keeps PID 1 from adopting the runner.
  trap : HUP INT TERM
  printf 'end=1\n'
  exec >/dev/null 2>&1
  outlive "$child"
}

# outlive PID: waits for a child whatever signals come.
outlive() {
  while kill -0 "$1" 2>/dev/null; do wait "$1"; done
}

child() {
  trap : HUP INT TERM
  sign "$run/runner"
  put "$run/format" 1
  allowed || {
    put "$run/refused" "$reason $detail"
    exit 0
  }
  [ -z "$name" ] || ln -sfn ".run/$id/log" "$dir/$name.log"
  guard "$@" &
  outlive $!
  exit 0
}

uptime_cs() {
  read -r value _ </proc/uptime
  value=${value%.*}${value#*.}
}

# step OP SECONDS: wal-g under the deadline; its output goes to a file, because a closed pipe would end it.
step() {
  # shellcheck disable=SC2016,SC2086
  timeout $fg -k 60 "$2" sh -c 'eval "$1"' sh "$script" walg "id=$id" "dir=$dir" "userdata=$userdata" "cut=$cut" "op=$1" \
    >>"$run/log" 2>&1
}

hash_of_list() {
  # shellcheck disable=SC2020
  listed=$(tr '{,}' '\n\n\n' <"$run/list" | sed -n 's/^[[:space:]]*"backup_name"[[:space:]]*:[[:space:]]*"\(.*\)"[[:space:]]*$/\1/p' | sort)
  printf %s "$listed" | sha256sum
}

# rotate: deletes only from the catalogue that the plan was made from; both happen under the lock.
rotate() {
  step list "$limit" || return
  hash=$(hash_of_list)
  if [ "${hash%% *}" != "$names" ]; then
    put "$run/catalogue-changed" 1
    return 75
  fi
  [ ! -e "$run/stop" ] || return 143
  uptime_cs
  left=$((limit - (value - begun) / 100))
  [ "$left" -gt 0 ] || return 124
  step delete "$left"
}

guard() {
  trap : HUP INT TERM PIPE
  sign "$run/guard"
  # The exit code has its room from the beginning, and is written into it: a log that fills the disk must not cost it.
  printf %60s '' >"$run/exit.tmp"
  put "$run/started" "$(now)"
  uptime_cs
  begun=$value
  put "$run/uptime" "$begun"
  if [ "$kind" = rotation ]; then rotate; else step push "$limit"; fi
  code=$?
  uptime_cs
  hit=0
  [ $((value - begun)) -lt $((limit * 100)) ] || hit=1
  echo "$code $(now) $hit" 1<>"$run/exit.tmp" && mv -f "$run/exit.tmp" "$run/exit"
  exit 0
}

# walg: becomes wal-g after it has written the pid that `stop` may signal.
walg() {
  gently=
  ! nice -n 10 true 2>/dev/null || gently='nice -n 10'
  ! ionice -c 2 -n 7 true 2>/dev/null || gently="$gently ionice -c 2 -n 7"
  # A run that leaves no trace could be started twice.
  sign "$run/pid" || exit 73
  # shellcheck disable=SC2086
  case $op in
    push)
      export WALG_SENTINEL_USER_DATA="$userdata" WALG_STOP_BACKUP_TIMEOUT="${WALG_STOP_BACKUP_TIMEOUT:-1h}"
      exec $gently wal-g backup-push "$PGDATA"
      ;;
    list) exec wal-g backup-list --json >"$run/list" ;;
    delete) exec $gently wal-g delete before FIND_FULL "$cut" --confirm ;;
  esac
}

#@ inspect stop
# run_state: none | starting | running | exited | died. The exit file is checked again at the end, because it may have been
# written while the processes were inspected.
run_state() {
  state=exited
  [ ! -e "$run/exit" ] || return
  if [ "$holder" = "$id/$kind" ]; then
    state=starting
    [ ! -e "$run/pid" ] || state=running
    return
  fi
  state=none
  [ -e "$run/pid" ] || return
  state=running
  ! alive "$run/pid" || return
  ! alive "$run/guard" || return
  ! alive "$run/runner" || return
  state=died
  [ ! -e "$run/exit" ] || state=exited
}

#@ inspect
# as KEY: stdin's lines as values of KEY; the echo ends a last line that has no newline.
as() { { cat; echo; } | sed "s/^/$1=/"; }

show_log() {
  bytes=$(wc -c <"$run/log")
  say bytes "$((bytes))"
  if [ "$bytes" -gt 32768 ]; then
    head -c 8192 "$run/log" | sed '$d' | as head
    tail -c 24576 "$run/log" | sed 1d | as tail
  else
    as tail <"$run/log"
  fi
  case $state in exited | died) ;; *) return ;; esac
  say first_error "$(sed -nE "$errors{p;q;}" "$run/log" | head -c 1000)"
  say last_error "$(sed -nE "${errors}p" "$run/log" | tail -n 1 | head -c 1000)"
  suspects=$(suspect_pages <"$run/log")
  [ -z "$suspects" ] || {
    say suspect_pages "$(printf '%s\n' "$suspects" | sort -u | grep -c .)"
    say suspect_path "$(printf '%s\n' "$suspects" | sed -n '1s/ [0-9]*$//p' | head -c 1000)"
  }
}

# suspect_pages: path and block of each page that wal-g found to be damaged. 1.1 reports a bad header in both ways.
suspect_pages() {
  sed -nE 's#^.*Corruption found in (.*)/\[([0-9]+)\].*$#\1 \2#p
    s#^.*Invalid page header encountered: blockNo ([0-9]+), path (.*)$#\2 \1#p' | head -n 100000
}

# age CENTISECONDS: how long the run has been there by the clock that nobody sets.
age() {
  read -r value _ </proc/uptime
  say age "$(((${value%.*}${value#*.} - $1) / 100))"
}

show_run() {
  [ ! -e "$run/stop" ] || say tombstone 1
  [ ! -e "$run/catalogue-changed" ] || say changed 1
  run_state
  say state "$state"
  line_of "$run/started"
  say started "$value"
  line_of "$run/uptime"
  case $state$value in running?* | starting?*) age "$value" ;; esac
  if { read -r code ended hit <"$run/exit"; } 2>/dev/null; then
    say exit "$code"
    say ended "$ended"
    say deadline "$hit"
  fi
  [ ! -r "$run/log" ] || show_log
}

#@ inspect catalogue probe
about_pod() {
  say now "$(now)"
  say uid "$uid"
  say pgdata "$PGDATA"
  say obstacle "$obstacle"
  scan
  say holder "$holder"
}

#@ inspect
# server: the facts that make a primary in production. State and last line both outlive a SIGKILL, so neither is enough by itself.
server() {
  # PostgreSQL 9 writes no state of the server into postmaster.pid.
  line_of "$PGDATA/PG_VERSION"
  case $value in 9*) status=ready ;; esac
  say status "$status"
  say control "$(control u4 16 4)"
  # shellcheck disable=SC3013
  case ${pid:-} in -*) [ "/proc/${pid#-}/cwd" -ef "$PGDATA/" ] && say single 1 ;; esac
  for file in standby.signal recovery.signal recovery.conf; do
    [ ! -e "$PGDATA/$file" ] || say signal "$file"
  done
  # The control file learns the timeline of a promotion only at the next checkpoint. A pattern is sorted.
  for value in "$PGDATA"/pg_wal/????????????????????????; do :; done
  value=${value##*/}
  say timeline "${value%????????????????}"
}

inspect() {
  about_pod
  # The identity comes after the run: a run that ended with its database must not be seen beside the old identity.
  [ -z "$id" ] || show_run
  identity
  say host "$is_host"
  say ticks "$is_ticks"
  say boot "$is_boot"
  say postmaster "$is_postmaster"
  server
  say sysid "$(sysid)"
  finish
}

#@ stop
# stop is a level: the tombstone always; TERM first; KILL by a call at least 30 s after it. Only while the guard lives:
# without it timeout and wal-g belong to PID 1, which would see them end by a signal.
stop() {
  say now "$(now)"
  { mkdir -p "$run" && put "$run/stop" 1; } 2>/dev/null
  [ ! -e "$run/stop" ] || say tombstone 1
  scan
  # The run may have been started under another directory than the one that is configured now.
  [ "$holder" != "$id/$kind" ] || run=$holder_dir/.run/$id
  run_state
  case $state in
    none | exited | died) say state gone ;;
    *) say state "$(signal_walg)" ;;
  esac
  finish
}

signal_walg() {
  if ! alive "$run/guard" || ! alive "$run/pid"; then
    echo left
    return
  fi
  put "$run/stop" 1
  line_of "$run/term"
  if [ -z "$value" ]; then
    put "$run/term" "$(now)"
    kill -TERM "$pid"
  elif [ $(($(now) - value)) -ge 30 ]; then
    kill -KILL "$pid"
  fi 2>/dev/null
  echo signalled
}

#@ catalogue probe
# left: seconds until $deadline; fails when there are none.
left() {
  seconds=$((deadline - $(now)))
  [ "$seconds" -gt 0 ]
}

# bounded KEY command...: runs until $deadline at most. stdout becomes the one line KEY=...; stderr is in $err, code in $code.
# This shell stays the parent of wal-g, so that PID 1 never adopts it.
bounded() {
  printf '%s=' "$1"
  shift
  left || {
    echo
    code=124 err='no time left'
    return
  }
  # shellcheck disable=SC2086
  err=$({ { timeout $fg -k 2 "$seconds" "$@" 2>&3 </dev/null; printf '\n%s' "$?" >&3; } | tr '\n' ' ' >&4; } 3>&1)
  echo
  code=${err##*"$nl"}
  err=${err%"$nl"*}
}

first_error() {
  line=$(printf '%s\n' "$err" | sed -nE "$errors{p;q;}" | head -c 1000)
  [ -n "$line" ] || line=$(printf '%s\n' "$err" | sed '/^[[:space:]]*$/d' | tail -n 1 | head -c 1000)
  printf %s "$line"
}

note_failure() {
  say "$1_code" "$code"
  [ "$code" = 0 ] || say "$1_error" "$(first_error)"
}

sql() {
  command -v psql >/dev/null && left || return
  [ "$seconds" -lt 4 ] || seconds=4
  # shellcheck disable=SC2086
  say "$1" "$(PGCONNECT_TIMEOUT=3 timeout $fg -k 1 "$seconds" psql -XAtqw -d "${PGDATABASE:-postgres}" -c "$2" 2>/dev/null </dev/null)"
}

#@ catalogue
# segment_size: every file of WAL is as large as initdb --wal-segsize has made it.
segment_size() {
  for file in "$PGDATA"/pg_wal/????????????????????????; do
    # shellcheck disable=SC2046
    set -- $(ls -ln "$file" 2>/dev/null)
    echo "${5-}"
    return
  done
}

# timeline: the one that is written, and where its history left those before it. pg_control knows it only after a checkpoint.
timeline() {
  # shellcheck disable=SC2012
  newest=$(ls "$PGDATA/pg_wal" 2>/dev/null | sed -nE 's/^([0-9A-F]{8})[0-9A-F]{16}$/\1/p' | sort | tail -n 1)
  say timeline "$newest"
  tail -n 500 "$PGDATA/pg_wal/${newest:-none}.history" 2>/dev/null | sed -n 's/^[0-9]/history=&/p'
}

# ask KEY command...: bounded, with its code; all of it is said, and is in $answer too.
ask() {
  answer=$(
    exec 4>&1
    bounded "$@"
    note_failure "$1"
  )
  printf '%s\n' "$answer"
}

# fields: one field of the list on each line.
# shellcheck disable=SC2020
fields() { printf '%s\n' "$answer" | sed -n '1p' | tr '{,}' '\n\n\n'; }

# name_of: sed's commands that keep the name of an entry until another field of it is found.
name_of='/^[[:space:]]*"backup_name"[[:space:]]*:/{
s/^[^:]*:[[:space:]]*"//
s/"[[:space:]]*$//
h
}
'

all_names() { fields | sed -n "$name_of"'/^base_/p'; }
newest_names() {
  fields | sed -n "$name_of"'/^[[:space:]]*"time"[[:space:]]*:/{
s/^[^:]*:[[:space:]]*"//
G
s/\n/ /
p
}' | sort -r | sed 's/^[^ ]* //'
}

# mine: the backup whose user data carry $id; the newest, should there be several.
mine() {
  fields | sed -n "$name_of"'/^[[:space:]]*"uid"[[:space:]]*:[[:space:]]*"'"$id"'"[[:space:]]*$/{
g
p
}' | tail -n 1
}

# metadata NAME: details of one backup.
metadata() {
  answer=$(
    exec 4>&1
    bounded "meta=$1" wal-g st cat "basebackups_005/$1/metadata.json"
  )
  printf '%s\n' "$answer"
}

# One entry that is broken makes the list with details fail: then each is read by itself, the newest first.
single_details() {
  wanted=
  for each in $(newest_names); do
    case $each in *[!A-Za-z0-9_]*) continue ;; base_*) ;; *) continue ;; esac
    left || return
    metadata "$each"
    case $answer in
      *"\"uid\":\"${id:-none}\""*)
        wanted=$each
        return
        ;;
    esac
  done
}

# say_parts: what is stored of $wanted, and of each backup that it rests on.
say_parts() {
  links=0
  while [ -n "$wanted" ] && [ "$links" -lt 50 ]; do
    links=$((links + 1))
    [ "$links" = 1 ] || [ -z "$plain" ] || metadata "$wanted"
    bounded "parts=$wanted" wal-g st ls "basebackups_005/$wanted/tar_partitions/"
    say parts_code "$wanted=$code"
    base=
    case $wanted in *_D_*) base=base_${wanted#*_D_} ;; esac
    [ -n "$base" ] || return
    wanted=$(printf '%s\n' "$listed" | sed -n "/^$base/{p;q;}")
  done
}

# catalogue: 38 s for everything. To prove one run its own backup counts, so the details of all others have 18 s of it.
catalogue() {
  exec 4>&1
  begun=$(now) plain='' wanted=''
  about_pod
  say sysid "$(sysid)"
  [ -z "$obstacle" ] || finish
  deadline=$((begun + 30))
  [ -z "$id" ] || deadline=$((begun + 18))
  ask detail wal-g backup-list --detail --json
  case $answer in
    *"${nl}detail_code=0"*)
      listed=$(all_names)
      [ -z "$id" ] || wanted=$(mine)
      ;;
    *)
      plain=1
      deadline=$((begun + 34))
      [ -z "$id" ] || deadline=$((begun + 26))
      ask list wal-g backup-list --json
      listed=$(all_names)
      single_details
      ;;
  esac
  deadline=$((begun + 38))
  bounded wal wal-g wal-show --detailed-json --without-backups
  note_failure wal
  say_parts
  bounded version wal-g --version
  say segment_size "$(segment_size)"
  timeline
  # shellcheck disable=SC2012
  ready=$(ls "$PGDATA/pg_wal/archive_status" 2>/dev/null | sed -n 's/\.ready$//p')
  say ready_oldest "$(printf '%s\n' "$ready" | head -n 1)"
  ready=$(printf '%s\n' "$ready" | sed -nE '/^[0-9A-F]{24}$/p')
  say ready_total "$(printf '%s\n' "$ready" | grep -c .)"
  say ready "$(printf '%s\n' "$ready" | tail -n 20000 | tr '\n' ' ')"
  sql archiver "select concat_ws('|', failed_count, coalesce(last_failed_wal, ''),
    coalesce(to_char(last_failed_time at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), ''),
    coalesce(to_char(last_archived_time at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '')) from pg_stat_archiver"
  finish
}

#@ probe
# check KEY TEXT command...: one half of the probe. wal-g 1.1 ends with 0 for commands that it does not know: TEXT decides.
check() {
  key=$1 text=$2
  shift 2
  bounded "${key}_out" "$@"
  outcome=failed
  case $err in *"$text"*) [ "$code" != 0 ] || outcome=ok ;; esac
  [ "$outcome" = ok ] || [ "$(now)" -lt "$deadline" ] || outcome=timeout
  say "$key" "$outcome"
  [ "$outcome" = ok ] || say "${key}_error" "$(first_error)"
}

probe() {
  exec 4>&1
  about_pod
  [ -z "$obstacle" ] || finish
  deadline=$(($(now) + 15))
  bounded version wal-g --version
  # Both names: wal-g 1.1 reads the one without prefix.
  S3_MAX_RETRIES=2 WALG_S3_MAX_RETRIES=2
  export S3_MAX_RETRIES WALG_S3_MAX_RETRIES
  # shellcheck disable=SC2086
  case $(timeout $fg -k 1 5 wal-g st --help 2>&1 </dev/null) in
    *" check "*)
      check read 'Read check OK' wal-g st check read
      [ "$outcome" != ok ] || check write 'Write check OK' wal-g st check write
      ;;
    *) probe_by_hand ;;
  esac
  sql archive_mode 'show archive_mode'
  finish
}

# wal-g without `st check`: list the storage, store a small object and remove it. `st put` appends an extension that
# depends on the compression, so the name is read back. Leftovers of probes that were cut go with it; not those of a
# moment ago, because another probe may be at work, and it would miss them.
probe_by_hand() {
  check read '' wal-g st ls
  [ "$outcome" = ok ] || return
  line_of /proc/sys/kernel/hostname
  prefix=aidboxops-probe-$value-
  mine=$prefix$$-$(now)
  check write '' wal-g st put "$PGDATA/PG_VERSION" "$mine"
  [ "$outcome" = ok ] && left || return
  # shellcheck disable=SC2086
  for object in $(timeout $fg -k 2 "$seconds" wal-g st ls 2>/dev/null </dev/null | sed -n "s/.* \(${prefix}[^ ]*\)\$/\1/p"); do
    stamp=${object##*-}
    if [ "${object#"$mine"}" != "$object" ]; then
      check write '' wal-g st rm "$object"
    elif [ $((${stamp%%[!0-9]*} + 60)) -lt "$(now)" ] && left; then
      timeout $fg -k 2 "$seconds" wal-g st rm "$object" </dev/null >/dev/null 2>&1
    fi
  done
}

#@ prune
# prune: name=N id=I pairs (a rotation has no name). Known file names only.
prune() {
  say now "$(now)"
  scan
  name=
  for arg; do
    value=${arg#*=}
    case $arg in
      name=*) name=$value ;;
      id=*)
        prune_run "$value"
        name=
        ;;
    esac
  done
  finish
}

prune_run() {
  case $1 in '' | *[!A-Za-z0-9-]*) return ;; esac
  [ "${holder%/*}" != "$1" ] || return
  id=$1 run=$dir/.run/$1
  # A name may meanwhile belong to a namesake.
  case $name in
    '' | */*) ;;
    *) [ "$(readlink "$dir/$name.log")" != ".run/$id/log" ] || rm -f "$dir/$name.log" ;;
  esac
  for file in format runner guard pid started uptime exit log list stop term refused catalogue-changed; do
    rm -f "$run/$file" "$run/$file.tmp"
  done
  [ ! -d "$run" ] || rmdir "$run"
  [ -d "$run" ] || say pruned "$id"
} 2>/dev/null

#@ start
case $cmd in
  start) start "$@" ;;
  run) child "$@" ;;
  walg) walg ;;
esac

#@ inspect
[ "$cmd" != inspect ] || inspect
#@ catalogue
[ "$cmd" != catalogue ] || catalogue
#@ stop
[ "$cmd" != stop ] || stop
#@ probe
[ "$cmd" != probe ] || probe
#@ prune
[ "$cmd" != prune ] || prune "$@"
