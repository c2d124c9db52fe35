// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import io.airlift.compress.v3.Compressor;
import io.airlift.compress.v3.lz4.Lz4JavaCompressor;
import io.airlift.compress.v3.lz4.Lz4JavaDecompressor;
import io.airlift.compress.v3.zstd.ZstdJavaCompressor;
import io.airlift.compress.v3.zstd.ZstdJavaDecompressor;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How a chunk is stored: LZ4 is a bare block, zstd a frame. The ordinal is the number on disk. Not
 * thread-safe per {@link Packer} and {@link Unpacker}.
 */
public enum Codec {
    RAW,
    LZ4,
    ZSTD;

    /** As in the manifest's list of required features. Not of RAW, which needs none. */
    public String feature() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Compresses with one codec. */
    public static final class Packer {
        private final @Nullable Compressor compressor; // null: RAW
        private byte[] out = new byte[0];

        public Packer(Codec codec) {
            this.compressor =
                    switch (codec) {
                        case RAW -> null;
                        case LZ4 -> new Lz4JavaCompressor();
                        case ZSTD -> new ZstdJavaCompressor();
                    };
        }

        /** Bytes now in {@link #out()}, or -1 if the content does not shrink. */
        public int pack(byte[] content, int n) {
            if (compressor == null) {
                return -1;
            }
            int most = compressor.maxCompressedLength(n);
            if (out.length < most) {
                out = new byte[most];
            }
            int is = compressor.compress(content, 0, n, out, 0, out.length);
            return is < n ? is : -1;
        }

        public byte[] out() {
            return out;
        }
    }

    /** Decompresses every codec. */
    public static final class Unpacker {
        private final Lz4JavaDecompressor lz4 = new Lz4JavaDecompressor();
        private @Nullable ZstdJavaDecompressor zstd; // large, and seldom wanted

        private ZstdJavaDecompressor zstd() {
            if (zstd == null) {
                zstd = new ZstdJavaDecompressor();
            }
            return zstd;
        }

        /** False if the input is not {@code n} bytes packed. */
        public boolean unpack(Codec codec, byte[] in, int at, int stored, byte[] to, int n) {
            try {
                return switch (codec) {
                    case RAW -> {
                        if (stored != n) {
                            yield false;
                        }
                        System.arraycopy(in, at, to, 0, n);
                        yield true;
                    }
                    case LZ4 -> lz4.decompress(in, at, stored, to, 0, n) == n;
                    case ZSTD -> zstd().decompress(in, at, stored, to, 0, n) == n;
                };
            } catch (RuntimeException e) { // of many kinds: e.g. a frame without any size
                return false;
            }
        }
    }
}
