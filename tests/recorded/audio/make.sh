#!/bin/sh
# Writes the recordings of this folder anew: sh make.sh (sox 14.4, lame 3.100, opus-tools, vorbis-tools).
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

tone() { # file, seconds, rate, channels: a soft tone, another one on each further channel
    sox -R -D -n -r "$3" -c "$4" -b 16 "$1" synth "$2" sine 300 sine 500 gain -12
}

tone pcm16-mono-8k.wav 0.25 8000 1
tone "$work/stereo.wav" 0.25 8000 2
sox -D pcm16-mono-8k.wav -e unsigned -b 8 pcm8-mono-8k.wav
sox -D pcm16-mono-8k.wav -e a-law a-law-mono-8k.wav
sox -D "$work/stereo.wav" -e u-law mu-law-stereo-8k.wav
sox -D "$work/stereo.wav" -t raw - | sox -t raw -r 8000 -e signed -b 16 -c 2 - -t wav - 2>/dev/null | cat > pcm16-stereo-8k-piped.wav

tone "$work/8k.wav" 1 8000 1
tone "$work/16k.wav" 1 16000 1
tone "$work/44k.wav" 0.5 44100 2
lame --quiet -b 8 "$work/8k.wav" mpeg2.5-mono-8k.mp3
lame --quiet -V 9 --id3v2-only --tt Ponctuel "$work/16k.wav" mpeg2-mono-16k-vbr-id3v2.mp3
lame --quiet -t -b 48 --resample 44.1 --id3v1-only --tt Ponctuel "$work/44k.wav" mpeg1-stereo-44k-no-info-id3v1.mp3

opusenc --quiet --serial 1 --bitrate 8 "$work/8k.wav" opus-mono.ogg
opusenc --quiet --serial 2 --bitrate 16 "$work/stereo.wav" opus-stereo.ogg
oggenc --quiet -s 3 -q -1 "$work/8k.wav" -o vorbis-mono-8k.ogg
oggenc --quiet -s 4 -q -1 "$work/44k.wav" -o vorbis-stereo-44k.ogg
