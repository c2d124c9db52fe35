// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import aQute.bnd.repository.fileset.FileSetRepository;
import aQute.bnd.service.RepositoryPlugin;
import biz.aQute.resolve.Bndrun;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.testkit.HangGuard;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.apache.felix.framework.FrameworkFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.Constants;
import org.osgi.framework.launch.Framework;
import org.osgi.util.tracker.ServiceTracker;

/** What our manifests tell a resolver is enough to make a set of bundles that runs a guest. */
class ResolveIT {
    @TempDir Path scratch;

    @Test
    void theSetThatBndFindsForTheMachineRunsAGuest() throws Exception {
        List<File> jars = jars();
        List<String> names = resolve(jars, "dev.faultline.machine.pc");

        assertThat(names)
                .contains(
                        "dev.faultline.cpu.x86",
                        "dev.faultline.device.pc",
                        "dev.faultline.memory",
                        "dev.faultline.mmu",
                        "dev.faultline.protection")
                .anyMatch(name -> name.matches("dev.faultline.cpu.(interpreter|translator)"))
                .anyMatch(name -> name.startsWith("dev.faultline.fault."))
                .anyMatch(name -> name.startsWith("dev.faultline.platform."))
                .doesNotContain("dev.faultline.shell", "dev.faultline.snapshot");
        runs(jars, names);
    }

    private static List<File> jars() throws Exception {
        List<File> jars = new ArrayList<>();
        for (String folder : List.of("lib", "bundles/1-osgi", "bundles/3-faultline")) {
            try (Stream<Path> files = Files.list(Distribution.HOME.resolve(folder))) {
                files.filter(f -> f.toString().endsWith(".jar"))
                        .sorted()
                        .forEach(f -> jars.add(f.toFile()));
            }
        }
        return jars;
    }

    /** Symbolic names of what bnd would run. */
    private List<String> resolve(List<File> jars, String bundle) throws Exception {
        Path file =
                Files.writeString(
                        scratch.resolve("test.bndrun"),
                        """
                        -runfw: org.apache.felix.framework
                        -runee: JavaSE-25
                        -resolve.effective: active
                        -runrequires: osgi.identity;filter:='(osgi.identity=%s)'
                        """
                                .formatted(bundle));
        RepositoryPlugin distribution = new FileSetRepository("distribution", jars);
        try (Bndrun run = Bndrun.createBndrun(null, file.toFile())) {
            run.getWorkspace().addBasicPlugin(distribution);
            run.getWorkspace().setOffline(true);
            run.getWorkspace().refresh();
            String found = run.resolve(false, false);
            assertThat(run.getErrors()).isEmpty();
            return new aQute.bnd.header.Parameters(found).keySet().stream().toList();
        }
    }

    private void runs(List<File> jars, List<String> names) throws Exception {
        Map<String, String> configuration = new HashMap<>();
        configuration.put(Constants.FRAMEWORK_STORAGE, scratch.resolve("storage").toString());
        configuration.put(Distribution.SYSTEM_PACKAGES, Distribution.exportsOfApi());
        Framework framework = new FrameworkFactory().newFramework(configuration);
        framework.init();
        try {
            List<Bundle> bundles = new ArrayList<>();
            for (File jar : jars) {
                if (names.contains(jar.getName().replace(".jar", ""))) {
                    bundles.add(framework.getBundleContext().installBundle(jar.toURI().toString()));
                }
            }
            assertThat(bundles).hasSameSizeAs(names);
            framework.start();
            for (Bundle b : bundles) {
                b.start();
            }
            ServiceTracker<MachineFactory, MachineFactory> machines =
                    new ServiceTracker<>(framework.getBundleContext(), MachineFactory.class, null);
            machines.open();
            MachineFactory factory = machines.waitForService(600_000);
            assertThat(factory).isNotNull();
            CountDownLatch ready = new CountDownLatch(1);
            StringBuffer said = new StringBuffer();
            try (Machine m =
                    factory.create(
                            new MachineConfig("resolved", 64 << 20, 1, null, null, List.of()))) {
                m.serial()
                        .addListener(bytes -> {
                            said.append(new String(bytes, StandardCharsets.ISO_8859_1));
                            if (said.indexOf("READY") >= 0) {
                                ready.countDown();
                            }
                        });
                m.boot(new MachineConfig.Boot(Program.keyed(), List.of(), "keys=100"));
                m.start();
                HangGuard.await(ready, "the guest says READY");
            }
        } finally {
            framework.stop();
            framework.waitForStop(60_000);
        }
    }
}
