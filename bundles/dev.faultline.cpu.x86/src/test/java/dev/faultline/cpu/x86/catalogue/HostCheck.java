// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Has the host's processor run the vectors of the committed pages (bench/catalogue.sh), and reports
 * where it disagrees.
 *
 * <pre>
 * HostCheck NATIVE-PROGRAM DIRECTORY-OF-PAGES
 * </pre>
 */
public final class HostCheck {
    /** RCPPS and RSQRTPS are at most 1.5 * 2^-12 off; two processors twice that. */
    private static final double APPROXIMATELY = 3.0 / 4096;

    private final Machine machine = new Machine();
    private int different;
    private int near;
    private int undefined;

    private HostCheck() {}

    /** Exits 1 if anything differs that the pages do not call undefined or approximate. */
    public static void main(String[] args) throws IOException, InterruptedException {
        List<PageReader.Documented> vectors = new ArrayList<>();
        try (Stream<Path> pages = Files.list(Path.of(args[1]))) {
            for (Path p : pages.filter(f -> f.toString().endsWith(".md")).sorted().toList()) {
                if (!p.endsWith("README.md")) {
                    vectors.addAll(PageReader.read(Files.readString(p)));
                }
            }
        }
        List<State> answers = answers(args[0], vectors);
        HostCheck check = new HostCheck();
        for (int i = 0; i < vectors.size(); i++) {
            check.one(vectors.get(i), answers.get(i));
        }
        System.out.printf(
                "%d vectors: %d differ, %d within an approximation's error, %d in what is undefined%n",
                vectors.size(), check.different, check.near, check.undefined);
        System.exit(check.different == 0 ? 0 : 1);
    }

    private void one(PageReader.Documented d, State answer) {
        Vector v = d.vector();
        State want = v.undefined().without(d.after());
        State got = v.undefined().without(answer);
        String difference = Places.differences(got, want);
        if (difference.isEmpty()) {
            String open = Places.differences(answer, machine.run(v.before(), v.code()));
            undefined += open.isEmpty() ? 0 : 1;
            tell("undefined", v, open);
        } else if (v.approximate() && near(got, want)) {
            near++;
            tell("approximation", v, difference);
        } else {
            different++;
            tell("different", v, difference);
        }
    }

    private static void tell(String what, Vector v, String difference) {
        if (!difference.isEmpty()) {
            System.out.println(what + ": " + v + ": " + difference);
        }
    }

    /** Through files: both sides of a pipe could wait for each other. */
    private static List<State> answers(String program, List<PageReader.Documented> vectors)
            throws IOException, InterruptedException {
        Path in = Files.createTempFile("catalogue", ".in");
        Path out = Files.createTempFile("catalogue", ".out");
        try {
            byte[] all = new byte[vectors.size() * State.SIZE];
            for (int i = 0; i < vectors.size(); i++) {
                byte[] one = vectors.get(i).vector().before().bytes(0, State.SIZE);
                System.arraycopy(one, 0, all, i * State.SIZE, State.SIZE);
            }
            Files.write(in, all);
            int exit =
                    new ProcessBuilder(program)
                            .redirectInput(in.toFile())
                            .redirectOutput(out.toFile())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start()
                            .waitFor();
            byte[] answer = Files.readAllBytes(out);
            int n = answer.length / State.SIZE;
            if (exit != 0 || n != vectors.size()) {
                throw new IOException(
                        program
                                + " ended with "
                                + exit
                                + (n < vectors.size() ? " at " + vectors.get(n).vector() : ""));
            }
            return states(answer, n);
        } finally {
            Files.delete(in);
            Files.delete(out);
        }
    }

    private static List<State> states(byte[] all, int n) {
        List<State> states = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            State s = new State();
            byte[] one = new byte[State.SIZE];
            System.arraycopy(all, i * State.SIZE, one, 0, State.SIZE);
            s.putBytes(0, one);
            states.add(s);
        }
        return states;
    }

    /** All that differs are numbers that are nearly the same, and the direction of rounding. */
    private static boolean near(State a, State b) {
        return Places.different(a, b).stream()
                .allMatch(p ->
                        switch (p.kind()) {
                            case LANES -> nearlySingles(p, a, b);
                            case ST -> lastBit(p, a, b);
                            case FSW ->
                                    ((a.shortAt(State.FSW) ^ b.shortAt(State.FSW))
                                                    & ~(int) Place.FSW_BITS.value("C1"))
                                            == 0;
                            default -> false;
                        });
    }

    private static boolean nearlySingles(Place p, State a, State b) {
        for (int at = p.offset(); at < p.offset() + p.bytes(); at += 4) {
            double x = Float.intBitsToFloat(a.intAt(at));
            double y = Float.intBitsToFloat(b.intAt(at));
            if (a.intAt(at) != b.intAt(at) && !(Math.abs(x - y) <= Math.abs(y) * APPROXIMATELY)) {
                return false;
            }
        }
        return true;
    }

    private static boolean lastBit(Place p, State a, State b) {
        long off = a.longAt(p.offset()) - b.longAt(p.offset());
        return a.shortAt(p.offset() + 8) == b.shortAt(p.offset() + 8) && Math.abs(off) <= 1;
    }
}
