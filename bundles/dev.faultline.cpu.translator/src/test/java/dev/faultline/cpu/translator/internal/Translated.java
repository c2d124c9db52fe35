// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.translator.verify.Layout;
import dev.faultline.cpu.translator.verify.Verifier;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import java.util.List;
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
    private final long base;

    Translated() {
        this(BASE);
    }

    /**
     * @param base linear address of the page of the code
     */
    Translated(long base) {
        this.base = base;
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
        return code.exit(Exit.INSTRUCTION, 0);
    }

    long jumpExitHva(int codeClass) {
        return code.exit(Exit.INDIRECT, codeClass);
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
            writer.instruction(i, base + at);
            if (d != null && forms.write(d)) {
                written++;
                goesOn = !Forms.leavesBlock(d);
            } else {
                writer.leaveInstruction();
                goesOn = true;
            }
        }
        if (goesOn) {
            writer.jump(base + at);
        }
        writer.end();
        return written == 0 ? null : writer.candidate();
    }

    /** What a test writes as one instruction; a jump follows. */
    Candidate written(int codeClass, Consumer<Writer> instruction) {
        begin(1, codeClass);
        writer.instruction(0, base + 1);
        instruction.accept(writer);
        writer.jump(base + 1);
        writer.end();
        return writer.candidate();
    }

    @SuppressWarnings("NullAway") // no block
    private Translation begin(int n, int codeClass) {
        Translation t = new Translation(null, base, codeClass, 0, n);
        t.segments = 1L << n - 1;
        writer.exits.truncate(0);
        for (int i = 0; i < 100; i++) { // so that numbers below are wrong
            writer.exits.add(t, Exits.pack(Exit.INSTRUCTION, 0, 0), 0);
        }
        writer.begin(t);
        return t;
    }
}
