// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

final class Userland {
    static final String GROUP = "userland";

    static List<String> names() { return List.of(); }
    static List<Work> works(List<String> names) { return List.of(); }
    static Userland prepare(Lab lab, Path kernel, List<Work> works, String mirror) throws BenchException, IOException { return null; }
    void round(Lab lab, int round) {}
}
