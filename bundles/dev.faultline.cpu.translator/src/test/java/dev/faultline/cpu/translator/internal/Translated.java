// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.translator.verify.Layout;
import dev.faultline.cpu.translator.verify.Verifier;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.MandatoryPrefix;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Writes translations that nobody executes, as the engine does. */
final class Translated implements AutoCloseable {
    static final int CLASSES = 6;

    /** Linear address of the page of the code. */
    static final long BASE = 0x7FFF_1234_5000L;

    final Layout layout;
    final Writer writer;
    private final Verifier verifier;
    private final NativeCode code;
    private final Forms forms;
    private final Decoder decoder = new Decoder();

    Translated() {
        Translators.at(1); // or the test is skipped
        PosixHostMemoryComponent host = new PosixHostMemoryComponent();
        code = new NativeCode(host, 4 * NativeCode.LARGEST);
        layout = StateBlock.layout(code);
        verifier = new Verifier(layout);
        writer = new Writer(code, offset -> false);
        forms = new Forms(HostCpu.ask(host), writer);
    }

    @Override
    public void close() {
        code.close();
    }

    /** hva of the common way out. */
    long exitHva() {
        return code.exit(Exit.Kind.INSTRUCTION, 0);
    }

    long jumpExitHva(int codeClass) {
        return code.exit(Exit.Kind.INDIRECT, codeClass);
    }

    /** What the verifier says. */
    @Nullable String verdict(Candidate c) {
        return verifier.check(c);
    }

    /** A block of these instructions; null: none of them was written. */
    @Nullable Candidate block(List<byte[]> instructions, int codeClass) {
        int n = instructions.size();
        Translation t = begin(n, codeClass);
        int written = 0;
        int at = 0;
        boolean goesOn = true;
        for (int i = 0; i < n; i++) {
            byte[] b = instructions.get(i);
            Decoded d = decoder.fields(b, b.length, 64);
            at += b.length;
            writer.instruction(i, BASE + at);
            if (d != null && forms.write(d)) {
                written++;
                goesOn = !Forms.leavesBlock(d);
            } else {
                writer.leaveInstruction();
                goesOn = true;
            }
        }
        if (goesOn) {
            writer.jump(BASE + at);
        }
        writer.end();
        return written == 0 ? null : writer.candidate();
    }

    /** What a test writes as one instruction; a jump follows. */
    Candidate written(int codeClass, Consumer<Writer> instruction) {
        begin(1, codeClass);
        writer.instruction(0, BASE + 1);
        instruction.accept(writer);
        writer.jump(BASE + 1);
        writer.end();
        return writer.candidate();
    }

    @SuppressWarnings("NullAway") // no block
    private Translation begin(int n, int codeClass) {
        Translation t = new Translation(null, BASE, codeClass, 0, n);
        t.segments = 1L << n - 1;
        writer.exits.truncate(0);
        for (int i = 0; i < 100; i++) { // so that numbers below are wrong
            writer.exits.add(t, Exits.pack(Exit.Kind.INSTRUCTION, 0, 0), 0);
        }
        writer.begin(t);
        return t;
    }

    /** An instruction of the row with operands by chance; null: by chance none. */
    byte @Nullable [] instruction(Row row, Random random) {
        List<Integer> b = new ArrayList<>();
        if (row.lockable && random.nextInt(4) == 0) {
            b.add(0xF0);
        }
        int[] segments = {0x2E, 0x64, 0x65};
        if (random.nextInt(6) == 0) {
            b.add(segments[random.nextInt(3)]);
        }
        if (random.nextInt(8) == 0) {
            b.add(0x67);
        }
        if (row.prefix == MandatoryPrefix.P66 || random.nextInt(5) == 0) {
            b.add(0x66);
        }
        if (row.prefix == MandatoryPrefix.PF2 || random.nextInt(16) == 0) {
            b.add(0xF2);
        } else if (row.prefix == MandatoryPrefix.PF3 || random.nextInt(16) == 0) {
            b.add(0xF3);
        }
        if (random.nextInt(3) > 0) {
            b.add(0x40 | random.nextInt(16));
        }
        if (row.map > 0) {
            b.add(0x0F);
        }
        if (row.map > 1) {
            b.add(row.map == 2 ? 0x38 : 0x3A);
        }
        b.add(row.opcode);
        byte[] bytes = new byte[Decoder.MAX_LENGTH];
        random.nextBytes(bytes);
        int n = b.size();
        for (int i = 0; i < n; i++) {
            bytes[i] = b.get(i).byteValue();
        }
        if (row.modrm) {
            int digit = row.digit >= 0 ? row.digit : random.nextInt(8);
            int mod = row.form == Row.Form.REGISTER ? 3 : random.nextInt(4);
            bytes[n] = (byte) (row.exact >= 0 ? row.exact : mod << 6 | digit << 3 | bytes[n] & 7);
        }
        int length = decoder.length(bytes, bytes.length, 64);
        return length <= 0 || length >= bytes.length ? null : Arrays.copyOf(bytes, length);
    }
}
