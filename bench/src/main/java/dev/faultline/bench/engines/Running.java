// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** A guest on an engine, with its serial port. One at a time: what children used is told apart. */
final class Running implements AutoCloseable {
    private static final int TOLD = 3; // last lines, after a failure

    private static final ScheduledExecutorService CLOCK =
            Executors.newSingleThreadScheduledExecutor(
                    r -> Thread.ofPlatform().daemon().name("limits").unstarted(r));

    private final Engine engine;
    private final Process process;
    private final InputStream in;
    private final OutputStream out;
    private final int limitSeconds;
    private final double usedBefore;
    private final StringBuilder text = new StringBuilder();
    private int seen;
    private volatile boolean late;

    Running(Engine engine, List<String> command, Path errors, int limitSeconds) throws IOException {
        this.engine = engine;
        this.limitSeconds = limitSeconds;
        usedBefore = Cpu.ofChildren();
        process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
        in = process.getInputStream();
        out = process.getOutputStream();
    }

    /** What the process has used until now. */
    Cpu cpu() throws BenchException {
        return Cpu.of(process.pid(), engine.vcpuThread());
    }

    void send(String line) throws BenchException {
        try {
            out.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
            out.flush();
        } catch (IOException e) {
            throw new BenchException("takes no input: " + told());
        }
    }

    /** Reads until the guest has sent a text; returns what came since the last one, with it. */
    String await(String marker) throws BenchException {
        return awaitEither(marker, marker).text();
    }

    /**
     * What came, with the marker at its end.
     *
     * @param failed the marker is the second one
     */
    record Sent(String text, boolean failed) {}

    Sent awaitEither(String good, String bad) throws BenchException {
        ScheduledFuture<?> limit = CLOCK.schedule(this::stop, limitSeconds, TimeUnit.SECONDS);
        try {
            String marker = good;
            int at;
            while ((at = text.indexOf(good, seen)) < 0) {
                if ((at = text.indexOf(bad, seen)) >= 0) {
                    marker = bad;
                    break;
                }
                byte[] b = new byte[4096];
                int n = in.read(b);
                if (n < 0) {
                    throw new BenchException(
                            (late ? "took over " + limitSeconds + " s: " : "ended: ") + told());
                }
                for (int i = 0; i < n; i++) {
                    text.append((char) (b[i] & 0xff));
                }
            }
            String s = text.substring(seen, at + marker.length());
            seen = at + marker.length();
            return new Sent(s, !marker.equals(good));
        } catch (IOException e) {
            throw new BenchException("cannot be read: " + e.getMessage());
        } finally {
            limit.cancel(false);
        }
    }

    private void stop() {
        late = true;
        process.destroyForcibly();
    }

    /** Waits for the end of the process; what it used from its start to its end, in seconds. */
    double end(int expected) throws BenchException, IOException, InterruptedException {
        ScheduledFuture<?> limit = CLOCK.schedule(this::stop, limitSeconds, TimeUnit.SECONDS);
        try {
            in.transferTo(OutputStream.nullOutputStream());
            int code = process.waitFor();
            if (code != expected) {
                throw new BenchException(
                        "ended with exit code " + code + ", expected " + expected + ": " + told());
            }
            return Cpu.ofChildren() - usedBefore;
        } finally {
            limit.cancel(false);
        }
    }

    /** The last lines that the guest sent. */
    String told() {
        List<String> lines =
                text.toString().lines().map(String::strip).filter(l -> !l.isEmpty()).toList();
        return String.join(" | ", lines.subList(Math.max(0, lines.size() - TOLD), lines.size()));
    }

    @Override
    public void close() throws InterruptedException {
        process.destroyForcibly();
        process.waitFor();
    }
}
