// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import dev.faultline.launcher.Platform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.osgi.framework.BundleException;

/** How long a fresh JVM takes from asking for the framework to every component being active. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(5)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
public class PlatformStart {
    private Platform platform;

    /** Starts the distribution that {@code -jvmArgsAppend -Dfaultline.home=DIR} names. */
    @Benchmark
    public Platform start() throws IOException, BundleException {
        Path home = Path.of(System.getProperty("faultline.home"));
        platform = Platform.start(home.toAbsolutePath(), Platform.LEVEL_PLATFORM, Map.of());
        return platform;
    }

    /** Outside the measured time. */
    @TearDown
    public void stop() {
        platform.close();
    }
}
