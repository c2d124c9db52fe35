// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.snapshot.RestoreStatistics;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SourceStatistics;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a restore counted, for scripts. */
final class RestoreFacts {
    private RestoreFacts() {}

    /**
     * @param readyMillis when the guest was ready, or null
     */
    static Map<String, @Nullable Object> of(Restored restored, @Nullable Double readyMillis) {
        Map<String, @Nullable Object> m = new LinkedHashMap<>();
        m.put("mode", restored.mode().name().toLowerCase(Locale.ROOT));
        m.put("pagesLoaded", restored.pagesLoaded());
        m.put("bytesRead", restored.statistics().sourceBytes());
        m.put("readyMillis", readyMillis);
        m.putAll(of(restored.statistics()));
        m.put("source", of(restored.source()));
        return m;
    }

    /** What the place that the snapshot came from was asked. */
    private static Map<String, Object> of(SourceStatistics s) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("place", s.source());
        m.put("requests", s.requests());
        m.put("bytes", s.bytes());
        m.put("retries", s.retries());
        m.put("timeouts", s.timeouts());
        m.put("failures", s.failures());
        Map<String, Object> buckets = new LinkedHashMap<>();
        for (int i = 0; i < s.latency().size(); i++) {
            if (s.latency().get(i) != 0) {
                buckets.put(String.valueOf(2L << i), s.latency().get(i));
            }
        }
        m.put("latencyMicros", buckets);
        return m;
    }

    private static Map<String, Object> of(RestoreStatistics s) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("faults", s.faults());
        m.put("absentFaults", s.absentFaults());
        m.put("touchedPages", s.touched());
        m.put("foretoldPages", s.foretold());
        m.put("touchedExact", s.exact());
        m.put("recordedPages", s.recorded());
        m.put("prefetchedPages", s.prefetched());
        m.put("prefetchedTouched", s.prefetchedTouched());
        m.put("recall", s.recall());
        m.put("precision", s.precision());
        m.put("prefetchStopped", s.prefetchStopped());
        m.put("resident", s.resident());
        m.put("chunksRead", s.chunksRead());
        m.put("sourceReads", s.sourceReads());
        m.put("sourceBytes", s.sourceBytes());
        return m;
    }
}
