// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import dev.faultline.cpu.x86.decode.Decoder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/** Decoding of 64-bit instructions: those of the benchmark guest's code, from its start. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class Decoding {
    private static final int COUNT = 1000;
    private static final int START_UP = 256;

    private final Decoder decoder = new Decoder();
    private final List<byte[]> instructions = new ArrayList<>();

    @Setup
    public void setUp() throws IOException {
        byte[] image;
        try (InputStream in = Decoding.class.getResourceAsStream("/guest/hotloop.elf")) {
            image = in.readAllBytes();
        }
        ByteBuffer elf = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        int at = code(elf);
        while (instructions.size() < COUNT) {
            byte[] window = new byte[Decoder.MAX_LENGTH];
            System.arraycopy(image, at, window, 0, window.length);
            decoder.decode(window, window.length, 64, 0);
            instructions.add(window);
            at += decoder.lastLength();
        }
    }

    /** File offset of the first segment's code, past the 32-bit start-up. ELF, chapter 2. */
    private static int code(ByteBuffer elf) {
        return elf.getInt(elf.getInt(28) + 4) + START_UP;
    }

    /** Time per instruction, the Op's allocation included. */
    @Benchmark
    @OperationsPerInvocation(COUNT)
    public void decode(Blackhole to) {
        for (byte[] i : instructions) {
            to.consume(decoder.decode(i, i.length, 64, 0));
        }
    }
}
